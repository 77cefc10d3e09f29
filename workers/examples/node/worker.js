// Queues image-metadata and notify with kafkajs alone; takes the Rust worker's place (docs/workers.md).
import { readFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";
import { Kafka, logLevel } from "kafkajs";

const PREFIX = process.env.BATON_PREFIX ?? "baton.";
const BROKERS = (process.env.BATON_KAFKA ?? "127.0.0.1:9092").split(",");
const SESSION_MS = Number(process.env.BATON_SESSION_MS ?? 10000); // how long a killed worker's tasks wait for another

/** A failure that the workflow can name: new Failure("Error.Name", "what happened"). */
export class Failure extends Error {
  constructor(name, cause) {
    super(cause);
    this.name = name;
  }
}

/** What an image file is, from its header: {"source": path} -> format, width, height, bytes. */
async function metadata({ source }) {
  const data = await readFile(source).catch((error) => {
    throw new Failure("Image.Io", error.message);
  });
  if (data.subarray(1, 4).toString() === "PNG" && data.length >= 24) {
    return { format: "png", width: data.readUInt32BE(16), height: data.readUInt32BE(20), bytes: data.length };
  }
  if (data[0] === 0xff && data[1] === 0xd8) {
    return { format: "jpeg", ...jpegSize(source, data), bytes: data.length };
  }
  throw new Failure("Image.Broken", `${source}: neither PNG nor JPEG`);
}

/** Walks the segments (ITU T.81, annex B) to the frame header, which has the size. */
function jpegSize(source, data) {
  for (let at = 2; at + 9 <= data.length && data[at] === 0xff; at += 2 + data.readUInt16BE(at + 2)) {
    const marker = data[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: data.readUInt16BE(at + 7), height: data.readUInt16BE(at + 5) };
    }
  }
  throw new Failure("Image.Broken", `${source}: no frame header`);
}

async function notify({ message }) {
  console.log(message);
  return { notified: message };
}

/** Runs one command; gives the completion's type and value. */
async function complete(handler, value) {
  try {
    return ["succeeded", (await handler(JSON.parse(value?.toString() || "{}"))) ?? null];
  } catch (failure) {
    return ["failed", { error: failure.name ?? "Error", cause: failure.message ?? String(failure) }];
  }
}

/** The completion as a record: where it goes is said by the command's headers. */
function reply(headers, outcome, value) {
  const answer = { ce_specversion: "1.0", ce_type: `baton.task.${outcome}.v1`, ce_batontoken: headers.ce_id, "content-type": "application/json" };
  const [version, trace, , flags] = (headers.traceparent ?? "").split("-");
  if (flags) answer.traceparent = [version, trace, randomBytes(8).toString("hex"), flags].join("-"); // the same trace, a new span
  const partition = Number(headers.ce_batonreplypartition);
  const message = { key: headers.ce_id, value: JSON.stringify(value), partition, headers: answer };
  return { topic: headers.ce_batonreplytopic, acks: -1, messages: [message] };
}

/** Serves queues with handlers, `{queue: async (input) => output}`, until SIGTERM or SIGINT. */
export async function serve(handlers) {
  const kafka = new Kafka({ clientId: "baton-node-worker", brokers: BROKERS, logLevel: logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const consumers = await Promise.all(Object.entries(handlers).map((entry) => consume(kafka, producer, ...entry)));
  const stop = async () => {
    await Promise.all(consumers.map((consumer) => consumer.disconnect())); // after the task under way
    await producer.disconnect();
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop);
}

async function consume(kafka, producer, queue, handler) {
  const topic = `${PREFIX}commands.${queue}`;
  await exists(kafka, topic);
  const consumer = kafka.consumer({ groupId: `${PREFIX}worker.${queue}`, sessionTimeout: SESSION_MS, heartbeatInterval: SESSION_MS / 4 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 8,
    eachMessage: async ({ partition, message, heartbeat }) => {
      const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value?.toString()]));
      if (Date.parse(headers.ce_batondeadline) <= Date.now()) return; // the workflow has given up on it
      const alive = setInterval(() => heartbeat().catch(() => {}), SESSION_MS / 4); // kafkajs sends none while a handler runs
      const [outcome, value] = await complete(handler, message.value).finally(() => clearInterval(alive));
      await producer.send(reply(headers, outcome, value));
      const offset = (BigInt(message.offset) + 1n).toString(); // only now: a crash before means doing it again
      await consumer.commitOffsets([{ topic, partition, offset }]);
    },
  });
  return consumer;
}

/** Waits for the topic: it is made when a definition first names the queue. */
async function exists(kafka, topic) {
  const admin = kafka.admin();
  await admin.connect();
  while (!(await admin.listTopics()).includes(topic)) await new Promise((wake) => setTimeout(wake, 1000));
  await admin.disconnect();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const all = { "image-metadata": metadata, notify };
  const queues = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all);
  await serve(Object.fromEntries(queues.map((queue) => [queue, all[queue]])));
}
