// A touch that begins on a chart must scroll the page, so charts zoom for a mouse only.
(() => {
  const touch = matchMedia('(pointer: coarse)').matches;
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const themed = (key, value) =>
      /color$/i.test(key) && typeof value === 'string' && value.startsWith('--')
        ? style.getPropertyValue(value).trim() : value;
    for (const chart of document.querySelectorAll('[data-figure]')) {
      const text = document.getElementById(chart.dataset.figure).textContent;
      const figure = JSON.parse(text, themed);
      const { xaxis } = figure.layout;
      xaxis.fixedrange = touch || xaxis.type !== 'date';
      figure.layout.dragmode = xaxis.fixedrange ? false : 'zoom';
      Plotly.react(chart, figure.data, figure.layout, { responsive: true, displayModeBar: false });
    }
  };
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
})();
