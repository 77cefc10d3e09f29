// AWS's SDK for JavaScript v3 at the end of a pipe: a call in JSON on each line of standard input, its answer on standard
// output. The scenario is in Python (scenario.py); the requests, the parsing and the errors are all the SDK's.
"use strict";
const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");
const [, , endpoint, modules] = process.argv;
const sdk = createRequire(`${modules}/`)("@aws-sdk/client-sfn");

const client = new sdk.SFNClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
  // StartSyncExecution and TestState would go to the host sync-127.0.0.1.
  disableHostPrefix: true,
  maxAttempts: 1,
});

async function answer({ operation, args, pages }) {
  try {
    if (pages) {
      const items = [];
      for await (const page of sdk[`paginate${operation}`]({ client, pageSize: pages.size }, args)) items.push(...page[pages.key]);
      return { ok: items };
    }
    const result = await client.send(new sdk[`${operation}Command`](args));
    delete result.$metadata;
    return { ok: result };
  } catch (error) {
    // A caller tells errors apart by their classes.
    const isTyped = sdk[error.name] !== undefined && error instanceof sdk[error.name];
    return { error: { name: error.name, message: error.message, isTyped } };
  }
}

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
  }
})();
