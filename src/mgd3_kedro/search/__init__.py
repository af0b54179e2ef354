"""The search for the method that is best for somebody's images: `kedro best`."""
