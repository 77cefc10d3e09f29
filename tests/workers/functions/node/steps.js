"use strict";
// What every worker of these tests does, in JavaScript; see steps.py.
const fs = require("node:fs");
const path = require("node:path");

const LONGEST_WAIT_MS = 100000;
const LOOK_EVERY_MS = 50;

class Flaky extends Error {
  constructor(message) {
    super(message);
    this.name = "Flaky";
  }
}

const at = (name) => path.join(process.env.STEPS_DIR, name);

/** Does a step: {"step", "attempt", "item"}. */
async function doStep({ step, attempt, item }) {
  fs.writeFileSync(at(`began-${step}-${attempt}-${item}`), "");
  if (step === "flaky" && attempt === 0) throw new Flaky("the first attempt fails");
  if (["slow", "quiet", "long"].includes(step) && attempt === 0) await wait(step);
  return { step, attempt, item };
}

async function wait(name) {
  const until = Date.now() + LONGEST_WAIT_MS;
  while (!fs.existsSync(at(name)) && Date.now() < until) await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
}

module.exports = { doStep };
