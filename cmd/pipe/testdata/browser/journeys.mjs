// What people do with the pages of `pipe up`, in headless Chromium. Prints a line
// for each journey: "ok", a tab, its name; or "not ok", name and what was wrong.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { BASE, PICTURE, CLOSED, CHROMIUM, MODULES, SHOTS, ONLY } = process.env; // ONLY: a pattern of the names to try
const require = createRequire(MODULES + "/x.js");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const wrong = (ok, text) => { if (!ok) throw new Error(text); };

// Two ways to act. By keyboard alone nothing is focused but by Tab, and nothing
// done but by keys.
const mouse = {
  press: (page, it) => it.click(),
  write: (page, it, text) => it.fill(text),
};
const keyboard = {
  async reach(page, it) {
    await it.waitFor();
    for (let i = 0; i < 400; i++) {
      if (await it.evaluate((e) => e === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error("Tab does not lead to " + it);
  },
  async press(page, it) {
    await this.reach(page, it);
    const box = await it.evaluate((e) => e.type === "checkbox");
    await page.keyboard.press(box ? "Space" : "Enter");
  },
  async write(page, it, text) {
    await this.reach(page, it);
    await page.keyboard.press("Control+a");
    text ? await page.keyboard.type(text) : await page.keyboard.press("Delete");
  },
};

const text = (page) => page.locator("main").innerText();
const link = (page, name) => page.getByRole("link", { name, exact: true }).first();
const button = (page, name) => page.getByRole("button", { name, exact: true }).first();

const journeys = {
  async "find the best run"(page, act) {
    await page.goto(BASE + "/runs");
    await act.write(page, page.locator("input[type=search]"), "metrics.`evaluate.accuracy` > 0 and pipeline = 'tickets'");
    await act.press(page, button(page, "Search"));
    await page.waitForURL(/q=/);
    await act.press(page, page.getByRole("columnheader").getByRole("link", { name: "accuracy" }).first());
    await page.waitForURL(/sort=/);
    const values = await page.locator("#runs tbody tr td.num:not(.low)").allInnerTexts();
    wrong(values.length === 2 && +values[0] >= +values[1], "the accuracies are not sorted: " + values);
    await act.press(page, link(page, await page.locator("#runs tbody a").first().innerText()));
    await page.waitForSelector("text=Stages");
  },
  async "a filter that is wrong says where"(page, act) {
    await page.goto(BASE + "/runs");
    await act.write(page, page.locator("input[type=search]"), "metrics.accuracy >");
    await act.press(page, button(page, "Search"));
    await page.waitForSelector('[role="alert"]');
    wrong((await text(page)).includes("at 19"), "the position is missing");
  },
  async "see why a run failed"(page, act) {
    await page.goto(BASE + "/runs?q=" + encodeURIComponent("status = 'FAILED'"));
    await act.press(page, link(page, "the one that fails"));
    await page.waitForSelector('[role="alert"]');
    await act.press(page, link(page, "Log"));
    await page.waitForSelector("#log");
    wrong((await page.locator("#log").innerText()).includes("the disk is on fire"), "the log does not say why");
  },
  async "compare two"(page, act) {
    await page.goto(BASE + "/runs?q=training");
    for (const name of ["short training", "long training"]) await act.press(page, page.getByRole("checkbox", { name: "select " + name }));
    await act.press(page, button(page, "Compare"));
    await page.waitForURL(/compare/);
    const row = page.locator("tr", { has: page.getByRole("rowheader", { name: "epochs", exact: true }) }).first();
    const cells = (await row.locator("td").allInnerTexts()).sort();
    wrong(cells.join() === "1,12", "the params that differ are " + cells);
    await page.locator(".chart").first().scrollIntoViewIfNeeded();
    await page.locator(".chart canvas").first().waitFor();
    await page.locator("[data-part]").scrollIntoViewIfNeeded();
    await page.waitForSelector("text=with.epochs");
  },
  async "follow lineage from a prediction to the source file, and back"(page, act) {
    const answer = await page.request.post(BASE + "/predict/tickets", { headers: { "Content-Type": "text/plain" }, data: "the invoice is wrong" });
    const id = answer.headers()["pipe-request"], version = answer.headers()["pipe-version"];
    await page.goto(BASE + "/deployments/tickets");
    await act.press(page, link(page, "Predictions"));
    await page.waitForURL(/predictions$/);
    await act.press(page, page.locator(`a[href="/predictions/${id}"]`));
    await page.waitForURL(/predictions\/[0-9a-f]{32}$/);
    wrong((await text(page)).includes("the invoice is wrong"), "the page does not say what was asked");
    await act.press(page, page.locator("svg.dag a", { hasText: "tickets.csv" }));
    await page.waitForURL(/artifacts\//);
    const said = await text(page);
    wrong(said.includes("tickets.csv") && said.includes("tickets/" + version), "the file's page does not name the models that descend from it");
    await act.press(page, link(page, "tickets/" + version));
    await page.waitForURL(/models\/tickets\/\d/);
    await act.press(page, link(page, "Its predictions"));
    await page.locator(`a[href="/predictions/${id}"]`).waitFor();
  },
  async "promote and roll back"(page, act) {
    await page.goto(BASE + "/deployments/tickets");
    const answers = () => page.locator("main > dl.facts").innerText();
    const now = +/version (\d)/.exec(await answers())[1];
    await act.press(page, button(page, "promote version " + (3 - now)));
    await page.waitForFunction((n) => document.querySelector("dl.facts").innerText.includes("version " + n), 3 - now);
    await act.press(page, button(page, "Roll back"));
    await page.waitForFunction((n) => document.querySelector("dl.facts").innerText.includes("version " + n), now);
    wrong((await text(page)).includes("alias.rollback"), "the page does not say what happened");
  },
  async "watch a running DAG"(page, act, way) {
    await page.goto(BASE + "/pipelines/slow");
    await act.write(page, page.getByLabel("pause (int)"), way === "mouse" ? "2" : "3");
    await act.write(page, page.getByLabel("Name of the run"), "watched");
    await act.press(page, button(page, "Run"));
    await page.waitForURL(/runs\/[0-9a-f]{32}$/);
    const states = new Set();
    for (let i = 0; i < 200 && !(states.has("first done") && states.has("second done")); i++) {
      for (const g of await page.locator("svg.dag g[data-stage]").all()) states.add((await g.getAttribute("data-stage")) + " " + (await g.getAttribute("class")).trim());
      await page.waitForTimeout(50);
    }
    for (const want of ["first running", "first done", "second running", "second done"]) wrong(states.has(want), "the states that were seen: " + [...states]);
  },
  async "preview a table"(page, act) {
    await page.goto(BASE + "/runs?q=long");
    await act.press(page, link(page, "long training"));
    await page.waitForURL(/runs\/[0-9a-f]/);
    await act.press(page, page.locator("nav.tabs a", { hasText: "Artifacts" }));
    await page.waitForURL(/artifacts$/);
    await act.press(page, link(page, "evaluate.predictions"));
    await page.waitForURL(/artifacts\/[0-9a-f]/);
    wrong(await page.locator("table.cells tbody tr").count() > 0, "no rows are shown");
    await page.locator("[data-part]").scrollIntoViewIfNeeded();
    await page.locator("[data-part] table svg.hist").first().waitFor();
  },
  async "see a report, which runs nothing"(page, act) {
    await page.goto(BASE + "/runs?q=long");
    await act.press(page, link(page, "long training"));
    await page.waitForURL(/runs\/[0-9a-f]/);
    await act.press(page, link(page, "report"));
    const frame = page.frameLocator("iframe.report");
    await frame.locator("body").waitFor();
    wrong((await frame.locator("body").innerText()).length > 50, "the report is empty");
  },
  async "try a model"(page, act) {
    await page.goto(BASE + "/deployments/tickets");
    await act.write(page, page.getByLabel("text (utf8)"), "The invoice shows the wrong amount");
    await act.press(page, button(page, "Ask"));
    await page.waitForSelector("#answer");
    wrong(await page.locator("#answer table tr").count() > 1, "no probabilities are shown");
  },
  async "try a model of pictures"(page, act) {
    await page.goto(BASE + "/deployments/shades");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), act.press(page, page.locator("input[type=file]"))]);
    await chooser.setFiles(PICTURE);
    await page.waitForFunction(() => document.querySelector("form .asked img")?.naturalWidth === 8);
    await act.press(page, button(page, "Ask"));
    await page.waitForSelector("#answer");
    wrong(/^\s*bright-1.png.*\n+bright in/.test(await page.locator("#answer").innerText()), "the answer is " + await page.locator("#answer").innerText());
    wrong(await page.locator("#answer img").evaluate((i) => i.naturalWidth) === 8, "the page does not repeat the picture");
  },
  async "pause a schedule"(page, act) {
    await page.goto(BASE + "/schedules");
    await act.press(page, link(page, "nightly"));
    await page.waitForURL(/schedules\/nightly/);
    wrong(/in \d+/.test(await page.locator("dl.facts").innerText()), "the page does not say when it runs next");
    await act.press(page, button(page, "Pause"));
    await button(page, "Resume").waitFor();
    wrong((await page.locator("dl.facts").innerText()).includes("paused"), "the page does not say that it is paused");
    await act.press(page, button(page, "Resume"));
    await button(page, "Pause").waitFor();
  },
  async "approve what waits, or refuse it"(page, act, way) {
    await page.goto(BASE + "/runs");
    await act.press(page, page.locator("nav[aria-label=Rooms] a", { hasText: "Approvals" }));
    await page.waitForURL(/approvals/);
    const stage = way === "mouse" ? "publish" : "refund"; // the second waits in the run that goes on with the first
    const card = page.locator("section.card", { has: page.getByRole("link", { name: stage, exact: true }) });
    wrong((await card.innerText()).includes("rows.out"), "the page does not say what the stage would read");
    await act.press(page, card.getByRole("link").nth(1));
    await page.waitForURL(/runs\/[0-9a-f]{32}$/);
    const ask = page.locator("section.card", { hasText: stage + " waits for an approval" });
    await act.write(page, ask.getByPlaceholder("why"), "decided by " + way);
    await act.press(page, ask.getByRole("button", { name: way === "mouse" ? "approve" : "refuse" }));
    await page.waitForSelector("text=It goes on with");
    await page.waitForFunction(([stage, state]) => document.querySelector(`g[data-stage="${stage}"]`)?.classList.contains(state), [stage, way === "mouse" ? "done" : "failed"]);
    await page.waitForFunction(() => !document.body.dataset.live); // it loads again when the run has ended
    await act.press(page, page.locator("main").getByRole("link", { name: /^run [0-9a-f]{8}$/ }).first());
    await page.waitForSelector("text=decided by " + way);
  },
  async "find a column by a part of its name"(page, act) {
    await page.goto(BASE + "/runs?q=training");
    await act.press(page, page.locator("summary", { hasText: "Columns" }));
    await act.write(page, page.getByLabel("Find a column"), "log_l");
    await act.press(page, page.locator("#found").getByRole("checkbox", { name: "metrics.evaluate.log_loss" }));
    await act.press(page, button(page, "Show"));
    await page.waitForURL(/col=/);
    wrong(await page.getByRole("columnheader", { name: /log_loss/ }).count() === 1, "the table has no such column");
    wrong(!(await page.locator("summary", { hasText: "Columns" }).evaluate((s) => s.parentElement.open)), "the panel is open");
  },
  async "note, tag and find again"(page, act, way) {
    await page.goto(BASE + "/runs?q=short");
    await act.press(page, link(page, "short training"));
    await page.waitForURL(/runs\/[0-9a-f]/);
    await act.write(page, page.getByRole("textbox", { name: "New tag" }), "by=" + way);
    await act.press(page, button(page, "Add"));
    await page.waitForSelector("text=by=" + way);
    await act.write(page, page.getByRole("textbox", { name: "Note" }), "looked at by " + way);
    await act.press(page, button(page, "Save"));
    await page.waitForFunction((w) => document.querySelector("textarea[name=note]").value.includes(w), way);
    await page.goto(BASE + "/runs?q=" + encodeURIComponent(`tags.by = '${way}'`));
    wrong(await page.locator("#runs tbody tr").count() === 1, "the tag does not find the run");
  },
  async "sign in and be refused"(page, act) {
    await page.goto(CLOSED + "/runs");
    const signIn = async (name, password) => {
      await act.write(page, page.getByLabel("Name"), name);
      await act.write(page, page.getByLabel("Password"), password);
      await act.press(page, button(page, "Sign in"));
    };
    await signIn("bo", "not the password");
    await page.waitForSelector('[role="alert"]');
    await signIn("bo", "battery staple");
    await page.waitForURL(/runs/);
    wrong((await page.locator("header").innerText()).includes("bo"), "the page does not say who is signed in");
    const status = await page.evaluate(async () => (await fetch("/runs/bulk", { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "do=delete&run=x&csrf=" + document.querySelector("[name=csrf]").value })).status);
    wrong(status === 403, "a reader may delete: " + status);
    await act.press(page, button(page, "Sign out"));
    await page.waitForURL(/signin/);
    await signIn("ada", "correct horse");
    await page.waitForSelector("text=No runs yet");
  },
};

const tell = (ok, name, message = "") => console.log([ok ? "ok" : "not ok", name, message.replaceAll("\n", "\\n")].join("\t"));

async function attempt(name, options, f) {
  if (ONLY && !new RegExp(ONLY).test(name)) return;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  const said = [];
  page.on("pageerror", (e) => said.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error" && !/status of (4\d\d|503)/.test(m.text())) said.push(m.text()); });
  try {
    await f(page);
    wrong(!said.length, "the console has " + said.join("; "));
    tell(true, name);
  } catch (err) {
    await page.screenshot({ path: `${SHOTS}/wrong-${name.replace(/\W+/g, "-")}.png` }).catch(() => {});
    tell(false, name, String(err.message ?? err) + "\nat " + page.url());
  }
  await context.close();
}

for (const [way, act] of Object.entries({ mouse, keyboard })) {
  for (const [name, f] of Object.entries(journeys)) await attempt(`${name}, by ${way}`, {}, (page) => f(page, act, way));
}

// every page: readable without scripts, judged by axe, nothing sticks out
const pages = { runs: "/runs", none: "/runs?q=nothing-has-this-name", wrong: "/runs?q=metrics.x+%3E", groups: "/runs?group=params.epochs", models: "/models", model: "/models/tickets", version: "/models/tickets/1", pipelines: "/pipelines", pipeline: "/pipelines/tickets", deployments: "/deployments", deployment: "/deployments/tickets", schedules: "/schedules", schedule: "/schedules/nightly", approvals: "/approvals", pictures: "/deployments/shades", drift: "/deployments/tickets/drift", predictions: "/deployments/tickets/predictions", missing: "/runs/ffffffff" };
await attempt("all pages have their data without scripts", { javaScriptEnabled: false }, async (page) => {
  await page.goto(BASE + "/runs?q=training");
  const runs = await page.locator("#runs tbody a").evaluateAll((list) => list.map((a) => a.getAttribute("href")));
  wrong(runs.length === 2, "the table has " + runs.length + " runs");
  const run = runs[0];
  Object.assign(pages, { run, curves: run + "/metrics", log: run + "/logs", artifacts: run + "/artifacts", text: run + "/pipeline", stage: run + "/stages/train", compare: `/compare?run=${runs[0].slice(6)}&run=${runs[1].slice(6)}` });
  await page.goto(BASE + run + "/artifacts");
  for (const [name, stage] of [["table", "evaluate.predictions"], ["report", "evaluate.report"], ["folder", "train.out"]]) pages[name] = await page.getByRole("link", { name: stage, exact: true }).getAttribute("href");
  const asked = await page.request.post(BASE + "/predict/tickets", { headers: { "Content-Type": "text/plain" }, data: "a word ".repeat(60) });
  pages.prediction = "/predictions/" + asked.headers()["pipe-request"];
  for (const path of Object.values(pages)) {
    const answer = await page.goto(BASE + path);
    wrong(answer.status() < 500, path + " gives " + answer.status());
    wrong(await page.locator("main h1, main h2, main b").count() > 0, path + " is empty");
  }
  await page.goto(BASE + pages.curves);
  wrong(await page.locator("svg.spark path").count() > 0, "no curve is drawn without scripts");
});
for (const [width, height] of [[1440, 900], [820, 1100], [360, 740]]) {
  const judged = width !== 820;
  for (const colorScheme of ["light", "dark"]) {
    await attempt(`pages of ${width} pixels, ${colorScheme}`, { viewport: { width, height }, colorScheme, bypassCSP: true }, async (page) => {
      const found = [];
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(BASE + path);
        await page.waitForTimeout(150);
        const out = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (out > 0) found.push(`${path} sticks out by ${out} pixels`);
        if (judged) await page.evaluate(axe);
        const { violations } = judged ? await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] })) : { violations: [] };
        for (const v of violations) if (["serious", "critical"].includes(v.impact)) found.push(`${path}: ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 200)).slice(0, 3).join(" | ")}`);
        await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
      wrong(!found.length, found.join("\n"));
    });
  }
}
await browser.close();
