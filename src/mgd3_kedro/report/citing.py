"""How a run is cited: the paper of the method, and this software."""

PAPER = """@inproceedings{chansantiago2025mgd3,
  title     = {{MGD}$^3$: Mode-Guided Dataset Distillation using Diffusion Models},
  author    = {Chan-Santiago, Jeffrey A. and Tirupattur, Praveen and Nayak, Gaurav Kumar
               and Liu, Gaowen and Shah, Mubarak},
  booktitle = {Proceedings of the 42nd International Conference on Machine Learning},
  year      = {2025},
  url       = {https://arxiv.org/abs/2505.18963}
}"""

SOFTWARE = """@software{{mgd3_kedro,
  title   = {{mgd3\\_kedro: dataset distillation with diffusion models, as Kedro pipelines}},
  version = {{{version}}},
  license = {{Apache-2.0}}
}}"""


def cite_software(version: str) -> str:
    """Return the BibTeX entry of this software.

    Args:
        version: Version of the code that made the cited results.
    """
    return SOFTWARE.format(version=version)
