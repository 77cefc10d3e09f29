/**
 * What kafkajs must be able to do with the broker: one exported function each, named as the Python test names it.
 *
 * `checks.js ADDRESS` runs all and says `ok NAME` or `failed NAME: why` of each. `checks.js ADDRESS member GROUP TOPIC`
 * is a group member to be killed; `commit` and `committed` are for tests that restart the broker in between.
 */
'use strict'

const { spawn } = require('child_process')
const { Client, until, check, same, SESSION_MS, CompressionTypes } = require('./client')

const PARTITIONS = 4
const T0 = 1700000000000
// Old timestamps must not be what retention looks at.
const KEPT = { 'retention.ms': '-1' }

async function everyCodec(client, name) {
  for (const codec of ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD']) {
    const topic = `${name}-${codec}`
    await client.createTopic(topic)
    const values = Array.from({ length: 200 }, (_, n) => `${n} `.repeat(200))
    const first = await client.send(topic, values.map(value => ({ value })), { compression: CompressionTypes[codec] })
    same(first, 0)
    const read = await client.readTo(topic, values.length - 1)
    same(read.map(record => record.value.toString()), values)
  }
}

async function recordParts(client, topic) {
  await client.createTopic(topic, 1, KEPT)
  await client.send(topic, [
    { key: 'k', value: 'v', headers: { a: '1', b: ['2', '3'] }, timestamp: String(T0) },
    { key: 'k', value: null, timestamp: String(T0 + 1) },
    { key: null, value: '', timestamp: String(T0 + 2) },
  ])
  const [full, tombstone, empty] = await client.readTo(topic, 2)
  same([full.key.toString(), full.value.toString(), full.timestamp], ['k', 'v', String(T0)])
  same([full.headers.a.toString(), full.headers.b.map(String)], ['1', ['2', '3']])
  same([tombstone.key.toString(), tombstone.value], ['k', null])
  same([empty.key, empty.value.length], [null, 0])
}

async function seekAndTimes(client, topic) {
  await client.createTopic(topic, 1, KEPT)
  await client.send(topic, Array.from({ length: 100 }, (_, n) => ({ value: `${n}`, timestamp: String(T0 + n) })))
  const member = await client.member(`${topic}-group`, topic, { 0: 90 })
  await until('the last ten', () => member.records.length === 10)
  same(member.records.map(record => record.offset), [90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
  member.consumer.seek({ topic, partition: 0, offset: '5' })
  await until('the record sought', () => member.records.length > 10 && member.records[10].offset === 5)
  const admin = await client.admin()
  const [ends] = await admin.fetchTopicOffsets(topic)
  same([ends.low, ends.high], ['0', '100'])
  const [found] = await admin.fetchTopicOffsetsByTimestamp(topic, T0 + 42)
  same(found.offset, '42')
}

async function idempotentProducer(client, topic) {
  await client.createTopic(topic)
  const producer = await client.producer({ idempotent: true, maxInFlightRequests: 1 })
  for (let n = 0; n < 50; n++) {
    const [sent] = await producer.send({ topic, acks: -1, messages: [{ value: `${n}` }] })
    same(Number(sent.baseOffset), n)
  }
}

async function twoMembersShare(client, topic) {
  await client.createTopic(topic, PARTITIONS)
  const first = await client.member(`${topic}-group`, topic)
  await until('all for the first', () => first.held.length === PARTITIONS)
  const second = await client.member(`${topic}-group`, topic)
  await until('half for each', () => first.held.length === 2 && second.held.length === 2)
  same([...first.held, ...second.held].sort(), [0, 1, 2, 3])
  const producer = await client.producer()
  await producer.send({ topic, messages: Array.from({ length: 100 }, (_, n) => ({ value: `${n}`, partition: n % PARTITIONS })) })
  await until('every record once', () => first.records.length + second.records.length === 100)
  await second.consumer.disconnect()
  await until('all for the first again', () => first.held.length === PARTITIONS)
}

async function killedMemberIsEvicted(client, topic, address) {
  await client.createTopic(topic, PARTITIONS)
  const group = `${topic}-group`
  const victim = spawn(process.execPath, [__filename, address, 'member', group, topic], { stdio: 'ignore', env: process.env })
  try {
    const survivor = await client.member(group, topic)
    await until('half for each', () => survivor.held.length === 2)
    victim.kill('SIGKILL')
    const killed = Date.now()
    await until('all for the survivor', () => survivor.held.length === PARTITIONS)
    // Heartbeats and one rebalance come on top of the session.
    check(Date.now() - killed < SESSION_MS + 3000, `it took ${Date.now() - killed} ms`)
  } finally {
    victim.kill('SIGKILL')
  }
}

async function deleteRecords(client, topic) {
  await client.createTopic(topic)
  await client.send(topic, Array.from({ length: 10 }, (_, n) => ({ value: `${n}` })))
  const admin = await client.admin()
  // kafkajs deletes only in topics whose metadata it happens to have.
  same((await admin.fetchTopicOffsets(topic))[0].low, '0')
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] })
  const [ends] = await admin.fetchTopicOffsets(topic)
  same([ends.low, ends.high], ['7', '10'])
  same((await client.readTo(topic, 9)).map(record => record.offset), [7, 8, 9])
}

async function compaction(client, topic) {
  const settings = { 'cleanup.policy': 'compact', 'segment.bytes': '4000', 'min.cleanable.dirty.ratio': '0.01' }
  await client.createTopic(topic, 1, settings)
  const keys = Array.from({ length: 10 }, (_, n) => `${n}`)
  for (let round = 0; round < 10; round++) {
    await client.send(topic, keys.map(key => ({ key, value: `${round}`.repeat(100) })), { compression: CompressionTypes.GZIP })
  }
  await client.send(topic, [{ key: 'last', value: 'y'.repeat(4000) }])
  const kept = await until('most of the former values to go', async () => {
    const records = await client.readTo(topic, 100)
    return records.length < 60 && records
  })
  const newest = new Map(kept.map(record => [record.key.toString(), record.value.toString()[0]]))
  same(keys.map(key => newest.get(key)), keys.map(() => '9'))
}

async function retention(client, topic) {
  await client.createTopic(topic, 1, { 'retention.ms': '500', 'segment.ms': '100' })
  await client.send(topic, [{ value: 'old' }])
  const admin = await client.admin()
  await until('the record to be too old', async () => (await admin.fetchTopicOffsets(topic))[0].low === '1')
}

async function transactionsAreRefused(client, topic) {
  await client.createTopic(topic)
  const producer = await client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
  const refused = await producer.transaction().then(() => null, error => error)
  // What kafkajs makes of any refusal to name a coordinator.
  check(refused && refused.name === 'KafkaJSGroupCoordinatorNotFound', `instead of a refusal: ${refused}`)
}

async function commit(client, group, topic, offset) {
  await (await client.admin()).setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset }] })
}

async function committed(client, group, topic) {
  const [found] = await (await client.admin()).fetchOffsets({ groupId: group, topics: [topic] })
  console.log(`committed ${found.partitions[0].offset}`)
}

const CHECKS = {
  everyCodec, recordParts, seekAndTimes, idempotentProducer, twoMembersShare, killedMemberIsEvicted, deleteRecords,
  compaction, retention, transactionsAreRefused,
}

async function main() {
  const [address, command, ...parameters] = process.argv.slice(2)
  const commands = { member: (client, group, topic) => client.member(group, topic), commit, committed }
  if (command in commands) {
    const client = new Client(address)
    await commands[command](client, ...parameters)
    if (command !== 'member') await client.closeAll()
    return
  }
  for (const [name, run] of Object.entries(CHECKS)) {
    if (command && command !== name) continue
    const client = new Client(address)
    const topic = `kafkajs-${name}-${process.pid}`
    await run(client, topic, address).then(() => console.log(`ok ${name}`), error => console.log(`failed ${name}: ${error.stack}`))
    await client.closeAll()
  }
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
