// A grid of pictures. Opens one by click or Enter; in selection mode a click or the space bar selects.

export default function (component) {
  const grid = component.parentElement.querySelector(".grid");
  const own = grid.own ?? (grid.own = start(grid, component));
  own.send = component;
  own.update(component.data);
}

function start(grid, component) {
  const own = { send: component, selected: new Set(component.data.selected), shown: "", timer: 0, last: -1 };
  const cells = () => [...grid.children];

  const open = (cell) => own.send.setTriggerValue("opened", cell.dataset.id);
  const mark = (cell) => {
    if (own.selectable) cell.setAttribute("aria-pressed", own.selected.has(cell.dataset.id));
    else cell.removeAttribute("aria-pressed");
  };
  // Several clicks in a row reach Python as one change.
  const tell = () => {
    clearTimeout(own.timer);
    own.timer = setTimeout(() => own.send.setStateValue("selected", [...own.selected]), 250);
  };
  const select = (cell, through) => {
    const all = cells();
    const at = all.indexOf(cell);
    const from = through && own.last >= 0 ? Math.min(own.last, at) : at;
    const to = through && own.last >= 0 ? Math.max(own.last, at) : at;
    const on = !own.selected.has(cell.dataset.id);
    for (const each of all.slice(from, to + 1)) {
      if (on) own.selected.add(each.dataset.id);
      else own.selected.delete(each.dataset.id);
      mark(each);
    }
    own.last = at;
    tell();
  };
  const focus = (cell) => {
    if (!cell) return;
    cells().forEach((each) => (each.tabIndex = -1));
    cell.tabIndex = 0;
    cell.focus();
  };

  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    focus(cell);
    if (own.selectable) select(cell, event.shiftKey);
    else open(cell);
  });
  grid.addEventListener("dblclick", (event) => {
    const cell = event.target.closest(".cell");
    if (cell && own.selectable) open(cell);
  });
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const all = cells();
    const at = all.indexOf(cell);
    const row = all.filter((each) => each.offsetTop === all[0].offsetTop).length;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + row, ArrowUp: at - row, Home: 0, End: all.length - 1 };
    if (event.key in to) focus(all[to[event.key]]);
    else if (event.key === "Enter") open(cell);
    else if (event.key === " ") own.selectable ? select(cell, event.shiftKey) : open(cell);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  own.update = (data) => {
    own.selectable = data.selectable;
    grid.classList.toggle("selectable", data.selectable);
    const shown = JSON.stringify(data.cells.map((cell) => [cell.id, cell.label, cell.title, !cell.src]));
    if (shown !== own.shown) {
      own.shown = shown;
      own.last = -1;
      grid.replaceChildren(...data.cells.map(drawn));
    }
    cells().forEach(mark);
  };
  return own;
}

function drawn(cell, at) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cell";
  button.dataset.id = cell.id;
  button.tabIndex = at === 0 ? 0 : -1;
  button.title = cell.title;
  if (cell.src) {
    const picture = element("img", "picture", "");
    picture.decoding = "async";
    picture.loading = "lazy";
    picture.alt = cell.alt;
    picture.src = cell.src;
    button.append(picture);
  } else {
    button.append(element("span", "card", cell.alt));
  }
  button.append(element("span", "check", "✓"));
  if (cell.label) button.append(element("span", "label", cell.label));
  return button;
}

// Captions and names are data: they go in as text, never as markup.
function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  if (name === "check") made.setAttribute("aria-hidden", "true");
  return made;
}
