// A touch that begins on a chart must scroll the page, so charts zoom for a mouse only.
(() => {
  const touch = matchMedia('(pointer: coarse)').matches;

  // A drawing that is not shown has no size: it is drawn when it is chosen.
  const draw = (part) => {
    const style = getComputedStyle(document.documentElement);
    const themed = (key, value) =>
      /color$/i.test(key) && typeof value === 'string' && value.startsWith('--')
        ? style.getPropertyValue(value).trim() : value;
    for (const chart of part.querySelectorAll('[data-figure]')) {
      if (chart.closest('[hidden]')) continue;
      const text = document.getElementById(chart.dataset.figure).textContent;
      const figure = JSON.parse(text, themed);
      const { xaxis } = figure.layout;
      xaxis.fixedrange = touch || xaxis.type !== 'date';
      figure.layout.dragmode = xaxis.fixedrange ? false : 'zoom';
      Plotly.react(chart, figure.data, figure.layout, { responsive: true, displayModeBar: false });
      // The window may have changed while the chart was hidden.
      Plotly.Plots.resize(chart);
    }
  };

  const showChosen = (section) => {
    const chosen = [...section.querySelectorAll('select')].map((list) => list.value).join(' ');
    for (const drawing of section.querySelectorAll('[data-choice]')) {
      drawing.hidden = drawing.dataset.choice !== chosen;
    }
    draw(section);
  };

  document.addEventListener('change', ({ target }) => {
    for (const list of document.getElementsByName(target.name)) {
      if ([...list.options].some((option) => option.value === target.value)) {
        list.value = target.value;
        showChosen(list.closest('section'));
      }
    }
  });

  draw(document);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(document));
})();
