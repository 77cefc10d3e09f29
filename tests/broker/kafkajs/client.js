/**
 * kafkajs as the tests of the broker use it: topics, sending, reading, waiting.
 *
 * Owns: the codecs that kafkajs leaves to others, and the clients made here, so that `closeAll` can end them.
 */
'use strict'

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const SnappyCodec = require('kafkajs-snappy')
const lz4 = require('lz4-napi')

const SESSION_MS = 2000
const WAIT_MS = 20000
const LOOK_EVERY_MS = 20

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: buffer => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd()).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd()).decompress(buffer)),
})

async function zstd() {
  const { Zstd } = await import(require.resolve('@hpcc-js/wasm-zstd'))
  return Zstd.load()
}

class Client {
  constructor(address) {
    this.kafka = new Kafka({ clientId: 'kafkajs', brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 3 } })
    this.open = []
  }

  async admin() {
    return this.connected(this.kafka.admin())
  }

  async producer(settings = {}) {
    return this.connected(this.kafka.producer({ allowAutoTopicCreation: false, ...settings }))
  }

  async connected(client) {
    await client.connect()
    this.open.push(client)
    return client
  }

  async createTopic(topic, numPartitions = 1, settings = {}) {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    const made = await (await this.admin()).createTopics({ topics: [{ topic, numPartitions, configEntries }] })
    check(made, `${topic} was there already`)
  }

  /** Sends to one partition and answers the offset of the first record. */
  async send(topic, messages, settings = {}) {
    const producer = await this.producer()
    const sent = await producer.send({ topic, messages, ...settings })
    return Number(sent[0].baseOffset)
  }

  /** A member that remembers what it reads and holds; `from` is a map of partition to the offset to begin at. */
  async member(group, topic, from = {}) {
    const consumer = await this.connected(this.kafka.consumer({
      groupId: group, sessionTimeout: SESSION_MS, heartbeatInterval: 200, rebalanceTimeout: 5000, maxWaitTimeInMs: 200,
    }))
    const member = { consumer, records: [], held: [] }
    consumer.on(consumer.events.GROUP_JOIN, event => {
      member.held = event.payload.memberAssignment[topic] || []
    })
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        member.records.push({ partition, ...message, offset: Number(message.offset) })
      },
    })
    for (const [partition, offset] of Object.entries(from)) {
      consumer.seek({ topic, partition: Number(partition), offset: String(offset) })
    }
    return member
  }

  /** All records of a topic from the beginning, until one has the last offset. */
  async readTo(topic, lastOffset) {
    const member = await this.member(`reader-${topic}-${Math.random()}`, topic)
    await until(`offset ${lastOffset}`, () => member.records.some(record => record.offset >= lastOffset))
    await member.consumer.disconnect()
    return member.records
  }

  async closeAll() {
    await Promise.all(this.open.map(client => client.disconnect()))
  }
}

/** Looks until `look` answers something true, and answers that. */
async function until(what, look, waitMs = WAIT_MS) {
  const deadline = Date.now() + waitMs
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > deadline) throw new Error(`waited ${waitMs} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** Fails with a message unless what is given is true. */
function check(is, otherwise) {
  if (!is) throw new Error(otherwise)
}

/** Fails unless both are the same when written as JSON. */
function same(seen, expected) {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(expected)]
  check(left === right, `${left.slice(0, 1000)} instead of ${right.slice(0, 1000)}`)
}

module.exports = { Client, until, check, same, SESSION_MS, CompressionTypes }
