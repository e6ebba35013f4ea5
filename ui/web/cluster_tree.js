// The clusters of a criterion as a tree (https://www.w3.org/WAI/ARIA/apg/patterns/treeview/).

export default function (component) {
  const tree = component.parentElement.querySelector(".tree");
  const own = tree.own ?? (tree.own = start(tree, component));
  own.send = component;
  own.update(component.data);
}

function start(tree, component) {
  const own = { send: component, shown: "", unfolded: new Map() };
  const rows = () => [...tree.children];
  const visible = () => rows().filter((row) => !row.hidden);

  const choose = (row) => {
    rows().forEach((each) => each.setAttribute("aria-selected", each === row));
    own.send.setTriggerValue("chosen", row.dataset.id);
  };
  const focus = (row) => {
    if (!row) return;
    rows().forEach((each) => (each.tabIndex = -1));
    row.tabIndex = 0;
    row.focus();
  };
  const fold = (row, open) => {
    own.unfolded.set(row.dataset.id, open);
    lay();
  };
  const parent = (row) => rows().find((each) => each.dataset.id === row.dataset.parent);
  // A row is seen when every row above it in the tree is unfolded.
  const lay = () => {
    const open = new Map();
    for (const row of rows()) {
      const above = row.dataset.parent;
      const seen = row.depth === 0 || open.get(above) === true;
      const unfolded = own.unfolded.get(row.dataset.id) ?? false;
      row.hidden = !seen;
      open.set(row.dataset.id, seen && unfolded);
      if (row.inner) row.setAttribute("aria-expanded", unfolded);
    }
  };

  tree.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    focus(row);
    if (row.inner && event.target.closest(".fold")) fold(row, row.getAttribute("aria-expanded") !== "true");
    else choose(row);
  });
  tree.addEventListener("keydown", (event) => {
    const row = event.target.closest(".row");
    if (!row) return;
    const all = visible();
    const at = all.indexOf(row);
    const open = row.getAttribute("aria-expanded") === "true";
    if (event.key === "ArrowDown") focus(all[at + 1]);
    else if (event.key === "ArrowUp") focus(all[at - 1]);
    else if (event.key === "Home") focus(all[0]);
    else if (event.key === "End") focus(all[all.length - 1]);
    else if (event.key === "ArrowRight" && row.inner) open ? focus(all[at + 1]) : fold(row, true);
    else if (event.key === "ArrowLeft") row.inner && open ? fold(row, false) : focus(parent(row));
    else if (event.key === "Enter" || event.key === " ") choose(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  own.update = (data) => {
    const shown = JSON.stringify(data);
    if (shown === own.shown) return;
    own.shown = shown;
    const focused = tree.getRootNode().activeElement?.dataset?.id;
    const byId = new Map(data.rows.map((row) => [row.id, row]));
    for (const row of data.rows)
      if (row.inner && !own.unfolded.has(row.id)) own.unfolded.set(row.id, row.depth < data.unfold);
    for (let up = byId.get(data.selected)?.parent; up; up = byId.get(up)?.parent) own.unfolded.set(up, true);
    if (data.unfold !== own.unfold) {
      own.unfold = data.unfold;
      for (const row of data.rows) if (row.inner) own.unfolded.set(row.id, row.depth < data.unfold);
    }
    const largest = Math.max(1, ...data.rows.filter((row) => row.bar).map((row) => row.images));
    tree.replaceChildren(...data.rows.map((row) => drawn(row, largest, data.selected)));
    lay();
    const stop = rows().find((row) => row.dataset.id === (focused ?? data.selected)) ?? rows()[0];
    if (stop) stop.tabIndex = 0;
    if (focused) stop?.focus();
  };
  return own;
}

function drawn(row, largest, selected) {
  const made = element("div", `row${row.aside ? " aside" : ""}`, "");
  made.setAttribute("role", "treeitem");
  made.setAttribute("aria-level", row.depth + 1);
  made.setAttribute("aria-selected", row.id === selected);
  made.setAttribute("aria-label", `${row.name}, ${row.images} ${row.images === 1 ? "image" : "images"}`);
  made.dataset.id = row.id;
  made.dataset.parent = row.parent;
  made.depth = row.depth;
  made.inner = row.inner;
  made.tabIndex = -1;
  made.title = `${row.name} · ${row.share}`;
  made.style.setProperty("--depth", row.depth);
  made.append(element("span", "fold", row.inner ? "›" : ""), element("span", "name", row.name));
  const bar = element("span", row.bar ? "bar" : "", "");
  if (row.bar && row.images) {
    const filled = element("i", "", "");
    filled.style.width = `${(100 * row.images) / largest}%`;
    bar.append(filled);
  }
  made.append(bar, element("span", "count", row.images.toLocaleString("en")));
  return made;
}

// Names are data: they go in as text, never as markup.
function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
