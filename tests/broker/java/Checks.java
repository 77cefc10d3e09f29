import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/**
 * What Kafka's Java client must be able to do with the broker: one method each, named as the Python test names it.
 *
 * <p>`Checks ADDRESS` runs all and says `ok NAME` or `failed NAME: why` of each. `member`, `commit` and `committed` after
 * the address are for tests that kill a member or restart the broker.
 */
public final class Checks {
    private static final long T0 = 1_700_000_000_000L;
    // Old timestamps must not be what retention looks at.
    private static final Map<String, String> KEPT = Map.of("retention.ms", "-1");

    private final Client client;
    private final String topic;
    private final TopicPartition partition;

    private Checks(String address, String name) {
        client = new Client(address);
        topic = "java-" + name + "-" + ProcessHandle.current().pid();
        partition = new TopicPartition(topic, 0);
    }

    private interface Check {
        void run(Checks with) throws Exception;
    }

    private static Map<String, Check> checks() {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("everyCodec", Checks::everyCodec);
        checks.put("recordParts", Checks::recordParts);
        checks.put("seekAndTimes", Checks::seekAndTimes);
        checks.put("idempotentProducer", Checks::idempotentProducer);
        checks.put("rangeMembersShare", with -> Groups.share(with.client, with.topic, Client.RANGE));
        checks.put("cooperativeMembersShare", with -> Groups.share(with.client, with.topic, Client.COOPERATIVE));
        checks.put("killedMemberIsEvicted", with -> Groups.evict(with.client, with.topic, Client.RANGE));
        checks.put("killedCooperativeMemberIsEvicted", with -> Groups.evict(with.client, with.topic, Client.COOPERATIVE));
        checks.put("staticMemberIsBack", with -> Groups.comeBack(with.client, with.topic));
        checks.put("deleteRecords", Checks::deleteRecords);
        checks.put("compaction", Checks::compaction);
        checks.put("retention", Checks::retention);
        checks.put("transactionsAreRefused", Checks::transactionsAreRefused);
        checks.put("newGroupProtocolIsRefused", Checks::newGroupProtocolIsRefused);
        checks.put("replicasAreRefused", Checks::replicasAreRefused);
        return checks;
    }

    private void everyCodec() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String name = topic + "-" + codec;
            client.createTopic(name, 1, KEPT);
            List<ProducerRecord<String, String>> records = new ArrayList<>();
            IntStream.range(0, 500).forEach(n -> records.add(new ProducerRecord<>(name, (n + " ").repeat(200))));
            client.send(records, Map.of("compression.type", codec, "linger.ms", "20"));
            List<String> values = client.read(name, 0, 499).stream().map(ConsumerRecord::value).toList();
            Client.same(values, records.stream().map(ProducerRecord::value).toList());
        }
    }

    private void recordParts() throws Exception {
        client.createTopic(topic, 1, KEPT);
        ProducerRecord<String, String> full = new ProducerRecord<>(topic, 0, T0, "k", "v");
        full.headers().add("a", "1".getBytes(StandardCharsets.UTF_8)).add("a", "2".getBytes(StandardCharsets.UTF_8));
        full.headers().add("none", null);
        ProducerRecord<String, String> tombstone = new ProducerRecord<>(topic, 0, T0 + 1, "k", (String) null);
        ProducerRecord<String, String> empty = new ProducerRecord<>(topic, 0, T0 + 2, (String) null, "");
        client.send(List.of(full, tombstone, empty), Map.of());
        List<ConsumerRecord<String, String>> read = client.read(topic, 0, 2);
        Client.same(read.get(0).headers(), full.headers());
        Client.same(read.stream().map(r -> r.key() + "=" + r.value() + "@" + (r.timestamp() - T0)).toList(), List.of("k=v@0", "k=null@1", "null=@2"));
    }

    private void seekAndTimes() throws Exception {
        client.createTopic(topic, 1, KEPT);
        client.send(Client.numbered(topic, 100, T0), Map.of());
        try (KafkaConsumer<String, String> consumer = client.consumer(topic, Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 90);
            Client.same(Client.readOn(consumer, 99).stream().map(ConsumerRecord::offset).toList(), IntStream.range(90, 100).mapToObj(n -> (long) n).toList());
            consumer.seek(partition, 5);
            Client.same(Client.readOn(consumer, 99).get(0).offset(), 5L);
            Client.same(consumer.beginningOffsets(List.of(partition)).get(partition), 0L);
            Client.same(consumer.endOffsets(List.of(partition)).get(partition), 100L);
            Client.same(consumer.offsetsForTimes(Map.of(partition, T0 + 42)).get(partition).offset(), 42L);
        }
        try (Admin admin = client.admin()) {
            Client.same(admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition).get().offset(), 99L);
        }
    }

    private void idempotentProducer() throws Exception {
        client.createTopic(topic, 1, KEPT);
        List<Long> offsets = client.send(Client.numbered(topic, 5000, T0), Map.of("enable.idempotence", "true", "batch.size", "200"));
        Client.same(offsets, IntStream.range(0, 5000).mapToObj(n -> (long) n).toList());
    }

    private void deleteRecords() throws Exception {
        client.createTopic(topic, 1, KEPT);
        client.send(Client.numbered(topic, 10, T0), Map.of());
        try (Admin admin = client.admin()) {
            Client.same(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(7))).lowWatermarks().get(partition).get().lowWatermark(), 7L);
        }
        Client.same(client.read(topic, 7, 9).stream().map(ConsumerRecord::value).toList(), List.of("7", "8", "9"));
        // Below what is kept, a consumer is set to the beginning of what is.
        Client.same(client.read(topic, 2, 9).get(0).offset(), 7L);
    }

    private void compaction() throws Exception {
        client.createTopic(topic, 1, Map.of("cleanup.policy", "compact", "segment.bytes", "4000", "min.cleanable.dirty.ratio", "0.01"));
        for (int round = 0; round < 10; round++) {
            List<ProducerRecord<String, String>> records = new ArrayList<>();
            for (int key = 0; key < 10; key++) {
                records.add(new ProducerRecord<>(topic, "" + key, ("" + round).repeat(100)));
            }
            client.send(records, Map.of("compression.type", List.of("none", "gzip", "snappy", "lz4", "zstd").get(round % 5)));
        }
        client.send(List.of(new ProducerRecord<>(topic, "last", "y".repeat(4000))), Map.of());
        List<ConsumerRecord<String, String>> kept = new ArrayList<>();
        Client.until("most of the former values to go", () -> {
            kept.clear();
            kept.addAll(client.read(topic, 0, 100));
            return kept.size() < 60;
        });
        Map<String, String> newest = new HashMap<>();
        kept.forEach(record -> newest.put(record.key(), record.value()));
        IntStream.range(0, 10).forEach(key -> Client.same(newest.get("" + key), "9".repeat(100)));
    }

    private void retention() throws Exception {
        client.createTopic(topic, 1, Map.of("retention.ms", "500", "segment.ms", "100"));
        client.send(List.of(new ProducerRecord<>(topic, "old")), Map.of());
        try (Admin admin = client.admin()) {
            Client.until("the record to be too old", () -> admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset() == 1);
        }
    }

    private void transactionsAreRefused() {
        try (KafkaProducer<String, String> producer = client.producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            throw new AssertionError("they were not");
        } catch (TransactionalIdAuthorizationException refused) {
            // As it must be.
        }
    }

    private void newGroupProtocolIsRefused() throws Exception {
        client.createTopic(topic, 1, KEPT);
        try (KafkaConsumer<String, String> consumer = client.newProtocolConsumer(topic)) {
            consumer.subscribe(List.of(topic));
            Client.until("the refusal", () -> {
                consumer.poll(Duration.ofMillis(100));
                return false;
            });
        } catch (UnsupportedVersionException refused) {
            // As it must be.
        }
    }

    private void replicasAreRefused() throws Exception {
        try (Admin admin = client.admin()) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 3))).all().get();
            throw new AssertionError("they were not");
        } catch (ExecutionException refused) {
            Client.same(refused.getCause().getClass(), InvalidReplicationFactorException.class);
        }
    }

    private static void commit(Client client, String group, String topic, long offset) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = client.consumer(group, Map.of())) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(offset, "note")));
        }
    }

    private static void committed(Client client, String group, String topic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = client.consumer(group, Map.of())) {
            System.out.println("committed " + consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        String command = arguments.length > 1 ? arguments[1] : "";
        switch (command) {
            case "member" -> Groups.pollForEver(new Client(address), arguments[2], arguments[3], arguments[4]);
            case "commit" -> commit(new Client(address), arguments[2], arguments[3], Long.parseLong(arguments[4]));
            case "committed" -> committed(new Client(address), arguments[2], arguments[3]);
            default -> runAll(address, command);
        }
    }

    private static void runAll(String address, String only) {
        checks().forEach((name, check) -> {
            if (!only.isEmpty() && !only.equals(name)) {
                return;
            }
            try {
                check.run(new Checks(address, name));
                System.out.println("ok " + name);
            } catch (Throwable failure) {
                System.out.println("failed " + name + ": " + failure);
                failure.printStackTrace();
            }
        });
    }
}
