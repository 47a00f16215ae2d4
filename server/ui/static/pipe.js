// What pages do beyond links and forms: rows of a long table come as they are
// scrolled to, runs are followed while they go on, slow parts come late. Without
// this script every page can be read and every form sent.
const $ = (q, in_ = document) => in_.querySelector(q);
const $$ = (q, in_ = document) => [...in_.querySelectorAll(q)];
const say = (text) => { $("#said").textContent = text; };
const part = (url) => fetch(url, { headers: { "X-Part": "1" } }).then(async (r) => {
  if (!r.ok) throw new Error((await r.text()).trim());
  return r.text();
});

// copy buttons
for (const b of $$("[data-copy]")) {
  if (!navigator.clipboard) continue;
  b.hidden = false;
  b.onclick = async () => {
    await navigator.clipboard.writeText($("code", b.parentElement).textContent);
    b.textContent = "Copied";
    say("Copied");
    setTimeout(() => { b.textContent = "Copy"; }, 1500);
  };
}

// a file is seen or heard before it is sent
for (const input of $$("input[data-preview]")) {
  const box = document.createElement("div");
  box.className = "asked";
  input.after(box);
  input.onchange = () => {
    box.replaceChildren();
    const file = input.files[0], tag = { image: "img", audio: "audio" }[file?.type.split("/")[0]];
    if (!tag) return;
    const reader = new FileReader();
    reader.onload = () => {
      const e = document.createElement(tag);
      e.src = reader.result;
      tag === "img" ? (e.alt = "the chosen picture") : Object.assign(e, { controls: true, ariaLabel: "the chosen recording" });
      box.replaceChildren(e);
    };
    reader.readAsDataURL(file);
  };
}

// parts that cost something are loaded when they are near the screen
const near = new IntersectionObserver((seen) => {
  for (const e of seen) {
    if (!e.isIntersecting) continue;
    near.unobserve(e.target);
    part(e.target.dataset.part).then((html) => { e.target.innerHTML = html; }, (err) => { $("p", e.target).textContent = err.message; });
  }
}, { rootMargin: "400px" });
for (const e of $$("[data-part]")) near.observe(e);

// panels close as menus do
document.addEventListener("click", (ev) => {
  for (const d of $$("details.drop[open]")) if (!d.contains(ev.target)) d.open = false;
});
document.addEventListener("keydown", (ev) => {
  if (ev.key === "Escape") for (const d of $$("details.drop[open]")) { d.open = false; $("summary", d).focus(); }
  if (ev.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    const s = $("input[type=search]");
    if (s) { ev.preventDefault(); s.focus(); }
  }
});

// columns are found by a part of their name: there may be thousands
for (const input of $$("input[data-find]")) {
  const found = $("#found"), name = input.name;
  let waits = 0;
  input.name = ""; // what is typed is searched for; what is ticked is shown
  input.oninput = () => {
    clearTimeout(waits);
    waits = setTimeout(async () => {
      for (const box of $$("input:checked", found)) $("#offers").prepend(box.closest("label"));
      const find = input.value.trim();
      found.hidden = !find;
      if (!find) return found.replaceChildren();
      const q = new URLSearchParams({ find });
      for (const box of $$("#offers input:checked")) q.append(name, box.value);
      const html = await part(input.dataset.find + "?" + q).catch((err) => { say(err.message); return ""; });
      if (find === input.value.trim()) found.innerHTML = html;
    }, 150);
  };
}

// The table of runs: each piece of rows is a tbody. Those that are far from the
// screen are one empty row of the same height.
const table = $("#runs");
if (table) longTable(table);

function longTable(table) {
  const size = +table.dataset.size, box = table.parentElement, picked = new Set();
  const first = $("tbody", table), rowHeight = first.rows[0].offsetHeight, columns = [...first.rows[0].cells].filter((c) => c.offsetWidth).length;
  let total = +table.dataset.total;
  const url = (at) => {
    const u = new URL(table.dataset.rows, location);
    u.searchParams.delete("col");
    for (const p of new URLSearchParams(table.dataset.cols).getAll("col")) u.searchParams.append("col", p);
    u.searchParams.set("offset", at);
    return u;
  };
  const gap = (body, rows) => {
    const tr = document.createElement("tr"), td = document.createElement("td");
    tr.className = "gap";
    td.colSpan = columns;
    td.style.height = rows * rowHeight + "px";
    tr.append(td);
    body.replaceChildren(tr);
    delete body.dataset.full;
  };
  const marks = (body) => {
    for (const c of $$("input[name=run]", body)) {
      c.checked = picked.has(c.value);
      c.closest("tr").setAttribute("aria-selected", c.checked);
    }
  };
  const fill = async (body) => {
    body.dataset.full = "wait";
    try {
      const html = await part(url(body.dataset.at));
      if (!body.dataset.full) return; // it went out of sight meanwhile
      body.innerHTML = html;
      body.dataset.full = "yes";
      marks(body);
    } catch (err) {
      delete body.dataset.full;
      say(err.message);
    }
  };
  const rowsAt = (at) => Math.min(size, total - at);
  const eye = new IntersectionObserver((seen) => {
    for (const e of seen) {
      const b = e.target;
      if (e.isIntersecting && !b.dataset.full) fill(b);
      else if (!e.isIntersecting && b.dataset.full && !b.contains(document.activeElement)) gap(b, rowsAt(+b.dataset.at));
    }
  }, { root: getComputedStyle(box).maxHeight === "none" ? null : box, rootMargin: "800px 0px" });
  const layOut = () => {
    const have = new Map($$("tbody", table).map((b) => [+b.dataset.at, b]));
    for (let at = 0; at < total; at += size) {
      if (have.has(at)) { have.delete(at); continue; }
      const b = document.createElement("tbody");
      b.dataset.at = at;
      gap(b, rowsAt(at));
      const next = $$("tbody", table).find((x) => +x.dataset.at > at);
      next ? next.before(b) : table.append(b);
      eye.observe(b);
    }
    for (const [at, b] of have) if (at >= total) b.remove();
  };
  first.dataset.full = "yes";
  if (+first.dataset.at % size === 0) {
    eye.observe(first);
    layOut();
    if (+first.dataset.at) first.scrollIntoView();
    const pager = $(".pager", table.closest(".card"));
    if (pager) pager.hidden = true;
  }

  // selection outlives the rows
  const form = $("#bulk"), all = $("#all");
  const tell = () => { $("#picked").textContent = picked.size ? picked.size + " selected:" : "Select runs to"; };
  let lastRow = null;
  table.addEventListener("click", (ev) => {
    const c = ev.target.closest("input[name=run]");
    if (!c) return;
    const boxes = $$("input[name=run]", table), here = boxes.indexOf(c), from = boxes.findIndex((x) => x.value === lastRow);
    const range = ev.shiftKey && from >= 0 ? boxes.slice(Math.min(here, from), Math.max(here, from) + 1) : [c];
    for (const x of range) {
      x.checked = c.checked;
      c.checked ? picked.add(x.value) : picked.delete(x.value);
      x.closest("tr").setAttribute("aria-selected", x.checked);
    }
    lastRow = c.value;
    tell();
  });
  all.hidden = false;
  all.onchange = () => {
    for (const c of $$("input[name=run]", table)) all.checked ? picked.add(c.value) : picked.delete(c.value);
    for (const b of $$("tbody", table)) marks(b);
    tell();
  };
  form.addEventListener("formdata", (ev) => {
    ev.formData.delete("run");
    for (const id of picked) ev.formData.append("run", id);
  });
  form.addEventListener("submit", (ev) => {
    if (ev.submitter?.value === "delete" && !confirm(`Delete ${picked.size} ${picked.size === 1 ? "run" : "runs"}? They can be restored.`)) ev.preventDefault();
  });
  addEventListener("pageshow", () => { // a browser that goes back keeps its boxes
    for (const c of $$("input[name=run]:checked", table)) picked.add(c.value);
    tell();
  });

  // what is new at the top
  if (+first.dataset.at === 0) follow(table.dataset.liveRows, {
    change: async (data) => {
      total = data.total;
      $("#total").textContent = total.toLocaleString("en");
      layOut();
      const top = $("tbody", table);
      if (top.dataset.full !== "wait") await fill(top);
    },
  });
}

// follow listens to an event stream while the page is seen.
export function follow(url, on) {
  let source = null;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(url);
    for (const [name, f] of Object.entries(on)) source.addEventListener(name, (ev) => f(JSON.parse(ev.data)));
    source.addEventListener("end", () => { source.close(); });
  };
  const shut = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? shut() : open()));
  addEventListener("pagehide", shut);
  open();
}

// a run that goes on
const live = document.body.dataset.live;
if (live) {
  const log = $("#log"), only = $("[data-log]")?.dataset.log;
  follow(live, {
    stage: ({ stage, state, note }) => {
      const g = $(`g[data-stage="${CSS.escape(stage)}"]`);
      if (g) {
        g.setAttribute("class", state + (g.classList.contains("focus") ? " focus" : ""));
        const n = $(".faint", g);
        if (note) n.textContent = note;
      }
      for (const cell of $$(`[data-state="${CSS.escape(stage)}"]`)) {
        cell.replaceChildren(Object.assign(document.createElement("span"), { className: "mark " + state, textContent: state }));
      }
      const done = $("#stagesdone");
      if (done) done.textContent = $$("g.done, g.cached").length;
    },
    line: ({ time, stage, text, bad }) => {
      if (!log || (only && only !== stage)) return;
      const stick = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      const row = document.createElement("span");
      const bit = (cls, s) => Object.assign(document.createElement("span"), { className: cls, textContent: s });
      if (bad) row.className = "bad";
      row.append(bit("t", time), " ", bit("s", stage), " " + text + "\n");
      log.append(row);
      while (log.childElementCount > 5000) log.firstElementChild.remove();
      if (stick) log.scrollTop = log.scrollHeight;
    },
    points: () => document.dispatchEvent(new CustomEvent("points")),
    end: (state) => {
      say("The run ended: " + state);
      setTimeout(() => location.reload(), 300);
    },
  });
}
