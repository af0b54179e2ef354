"use strict";
(function () {
  const tip = document.getElementById("tip");
  const node = (tag, text, parent) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };

  /* What is known of an image: it, the nearest real one, and its facts. */
  function fill(card, further) {
    tip.replaceChildren();
    const pictures = node("div", undefined, tip);
    pictures.className = "pictures";
    for (const [picture, words] of [[".made", "distilled"], [".real", "nearest real"]]) {
      const found = card.querySelector(picture);
      if (!found) continue;
      const figure = node("figure", undefined, pictures);
      const image = node("img", undefined, figure);
      image.src = found.src;
      image.className = found.classList.contains("small") ? "small" : "";
      node("figcaption", words, figure);
    }
    const list = node("dl", undefined, tip);
    for (const [name, value] of [...(further || []), ...JSON.parse(card.dataset.tip)]) {
      node("dt", name, list);
      node("dd", value, list);
    }
  }
  function place(x, y) {
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), gap = 14;
    const left = x + gap + box.width > innerWidth ? x - gap - box.width : x + gap;
    const top = y + gap + box.height > innerHeight ? y - gap - box.height : y + gap;
    tip.style.left = Math.max(8, Math.min(left, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(8, top) + "px";
  }
  const hide = () => { tip.hidden = true; };
  const cardOf = (target) => {
    if (!(target instanceof Element)) return null;
    const segment = target.closest("[data-card]");
    return segment ? document.getElementById(segment.dataset.card) : target.closest("[data-tip]");
  };
  document.addEventListener("pointermove", (event) => {
    if (event.target instanceof Element && event.target.closest(".chart")) return;
    const card = cardOf(event.target);
    if (!card) return hide();
    fill(card);
    place(event.clientX, event.clientY);
  });
  document.addEventListener("focusin", (event) => {
    const card = cardOf(event.target);
    if (!card) return hide();
    const box = event.target.getBoundingClientRect();
    fill(card);
    place(box.right, box.top);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("scroll", hide, { passive: true });

  /* Charts, in the colours of the page. */
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const BLACK = "#000000";
  function themed(layout) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => (style.getPropertyValue(name) || "").trim();
    const ink = colour("--ink"), line = colour("--line"), quiet = colour("--quiet");
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: quiet, tickcolor: quiet, automargin: true };
    const result = Object.assign({}, layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: line, font: { color: ink } },
      margin: Object.assign({ l: 52, r: 14, t: 34, b: 48 }, layout.margin),
    });
    for (const name of Object.keys(layout).concat(["xaxis", "yaxis"])) {
      if (/^[xy]axis/.test(name)) result[name] = Object.assign({}, axis, layout[name]);
    }
    return result;
  }
  /* On a dark page black is light, and so are the numbers in pale cells. */
  const LIGHT = "#d9d9d6";
  const traces = (data) => !dark.matches || printing ? data : JSON.parse(JSON.stringify(data), (key, value) => {
    if (key === "color" && value === BLACK) return LIGHT;
    if (value && value.type === "heatmap") value.textfont = { color: LIGHT };
    return value;
  });

  /* Of a chart with several groups of traces, the one that is chosen. */
  const shown = {};
  function choose(plotly) {
    for (const select of document.querySelectorAll("select[data-for]")) {
      select.addEventListener("change", () => {
        const figure = document.getElementById(select.dataset.for);
        shown[figure.id] = Number(select.value);
        plotly.restyle(figure, { visible: figure.data.map((one) => one.meta === shown[figure.id]) });
      });
    }
  }
  const visible = (figure, data) => figure.id in shown
    ? data.map((one) => Object.assign({}, one, { visible: one.meta === shown[figure.id] })) : data;

  function drawAll(plotly) {
    for (const figure of document.querySelectorAll("[data-chart]")) {
      const spec = JSON.parse(figure.dataset.chart);
      const options = { displaylogo: false, responsive: true, displayModeBar: false, scrollZoom: false };
      const drawn = plotly.react(figure, visible(figure, traces(spec.data)), themed(spec.layout), options);
      if (figure.dataset.drawn) continue;
      figure.dataset.drawn = "yes";
      drawn.then(() => {
        figure.on("plotly_hover", (event) => {
          const id = event.points[0].customdata;
          const card = typeof id === "string" ? document.getElementById(id) : null;
          if (!card) return hide();
          fill(card);
          place(event.event.clientX, event.event.clientY);
        });
        figure.on("plotly_unhover", hide);
      });
    }
    document.documentElement.dataset.charts = "drawn";
  }
  function sayNoCharts(error) {
    for (const figure of document.querySelectorAll("[data-chart]")) {
      figure.style.height = "auto";
      node("p", "This chart needs a browser of 2023 or later (" + error + ").", figure).className = "note";
    }
    document.documentElement.dataset.charts = "none";
  }
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    node("script", await new Response(stream).text(), document.head);
    return window.Plotly;
  }
  const packed = document.getElementById("plotly");
  if (!packed) {
    document.documentElement.dataset.charts = "none";
    return;
  }
  unpack(packed.textContent).then((plotly) => {
    drawAll(plotly);
    choose(plotly);
    dark.addEventListener("change", () => drawAll(plotly));
    addEventListener("beforeprint", () => { printing = true; drawAll(plotly); });
    addEventListener("afterprint", () => { printing = false; drawAll(plotly); });
  }).catch(sayNoCharts);
})();
