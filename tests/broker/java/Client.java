import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Kafka's Java client as the tests of the broker use it: topics, sending, reading, waiting. Strings everywhere. */
final class Client {
    static final int SESSION_MS = 2000;
    static final String RANGE = "org.apache.kafka.clients.consumer.RangeAssignor";
    static final String COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    private static final Duration WAIT = Duration.ofSeconds(20);
    private static final Duration POLL = Duration.ofMillis(100);

    final String address;

    Client(String address) {
        this.address = address;
    }

    Admin admin() {
        return Admin.create(settings(Map.of()));
    }

    KafkaProducer<String, String> producer(Map<String, String> more) {
        Properties settings = settings(more);
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        return new KafkaProducer<>(settings);
    }

    /** A consumer that begins at the beginning and commits only when it is told to. */
    KafkaConsumer<String, String> consumer(String group, Map<String, String> more) {
        Properties settings = settings(Map.of(
            "group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "session.timeout.ms", "" + SESSION_MS, "heartbeat.interval.ms", "200", "fetch.max.wait.ms", "200",
            "key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer",
            "value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"));
        settings.putAll(more);
        return new KafkaConsumer<>(settings);
    }

    /** A consumer of the protocol of KIP-848, which takes no timeouts of its own. */
    KafkaConsumer<String, String> newProtocolConsumer(String group) {
        Properties settings = settings(Map.of(
            "group.id", group, "group.protocol", "consumer",
            "key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer",
            "value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"));
        return new KafkaConsumer<>(settings);
    }

    void createTopic(String name, int partitions, Map<String, String> settings) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(settings))).all().get();
        }
    }

    /** Sends records and answers their offsets. */
    List<Long> send(List<ProducerRecord<String, String>> records, Map<String, String> settings) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(settings)) {
            records.forEach(record -> sent.add(producer.send(record)));
        }
        List<Long> offsets = new ArrayList<>();
        for (Future<RecordMetadata> one : sent) {
            offsets.add(one.get().offset());
        }
        return offsets;
    }

    /** Reads partition 0 from an offset until a record has the last offset. */
    List<ConsumerRecord<String, String>> read(String topic, long from, long last) throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer("by-hand", Map.of())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, from);
            return readOn(consumer, last);
        }
    }

    /** Reads what a consumer is assigned to until a record has the last offset. */
    static List<ConsumerRecord<String, String>> readOn(KafkaConsumer<String, String> consumer, long last) throws Exception {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until("offset " + last, () -> {
            consumer.poll(POLL).forEach(records::add);
            return records.stream().anyMatch(record -> record.offset() >= last);
        });
        return records;
    }

    /** Records with values 0, 1, ... for partition 0, one millisecond apart. */
    static List<ProducerRecord<String, String>> numbered(String topic, int count, long firstMs) {
        Stream<ProducerRecord<String, String>> records =
            IntStream.range(0, count).mapToObj(n -> new ProducerRecord<>(topic, 0, firstMs + n, null, "" + n));
        return records.toList();
    }

    static void until(String what, Callable<Boolean> look) throws Exception {
        long deadline = System.nanoTime() + WAIT.toNanos();
        while (!look.call()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("waited " + WAIT + " for " + what);
            }
        }
    }

    static void same(Object seen, Object expected) {
        if (!expected.equals(seen)) {
            throw new AssertionError(seen + " instead of " + expected);
        }
    }

    private Properties settings(Map<String, String> more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("metadata.max.age.ms", "1000");
        settings.putAll(more);
        return settings;
    }
}
