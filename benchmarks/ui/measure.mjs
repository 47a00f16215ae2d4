// Loads pages with an empty cache, in turns, and prints the medians:
// measure.mjs RUNS PIPE-URL MLFLOW-URL
import { createRequire } from "node:module";

const require = createRequire(process.env.PIPE_NODE_MODULES + "/x.js");
const { chromium } = require("playwright-core");
const [runs, ...urls] = process.argv.slice(2);
const names = ["pipe", "mlflow"], rounds = +(process.env.ROUNDS ?? 5);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

// A row is there when a name of a run, as the seed gives it, stands on the page.
const row = () => {
  const look = () => {
    if (!globalThis.rowAt && /(lstm|gru|cnn|transformer)-\d{4}/.test(document.body?.innerText ?? "")) globalThis.rowAt = performance.now();
    else requestAnimationFrame(look);
  };
  look();
};

async function load(url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  let bytes = 0, requests = 0;
  cdp.on("Network.requestWillBeSent", () => { requests++; });
  cdp.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  await page.addInitScript(row);
  await page.goto(url, { timeout: 120000, waitUntil: "load" });
  await page.waitForFunction(() => globalThis.rowAt, null, { timeout: 120000 });
  await page.waitForTimeout(1500); // what is loaded after the rows counts, too
  const [paint, rows] = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN, globalThis.rowAt]);
  await context.close();
  return { bytes, requests, paint, rows };
}

async function ready(url) {
  for (let i = 0; i < 600; i++) {
    try { if ((await fetch(url.replace(/#.*/, ""))).status < 500) return; } catch { /* not yet */ }
    await new Promise((r) => setTimeout(r, 200));
  }
  throw new Error(url + " does not answer");
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const all = urls.map(() => []);
for (const url of urls) { await ready(url); await load(url); } // servers warm up
for (let i = 0; i < rounds; i++) for (const [k, url] of urls.entries()) all[k].push(await load(url));
for (const [k, list] of all.entries()) {
  const m = (key) => median(list.map((x) => x[key]));
  console.log([runs.padStart(6), names[k].padEnd(7), (m("bytes") / 1000).toFixed(0).padStart(7) + " kB", String(m("requests")).padStart(4) + " requests", m("paint").toFixed(0).padStart(6) + " ms first paint", m("rows").toFixed(0).padStart(6) + " ms rows"].join("  "));
}
await browser.close();
