// The Node example's loop with the steps of these tests: `node plain_node.mjs EXAMPLE_DIRECTORY QUEUE`.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { doStep } = createRequire(import.meta.url)("./functions/node/steps.js");
const [, , example, queue] = process.argv;
const { serve } = await import(pathToFileURL(path.join(example, "worker.js")).href);
await serve({ [queue]: doStep });
