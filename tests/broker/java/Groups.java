import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Groups of Kafka's Java consumers: members that share, take over, are killed, come back. */
final class Groups {
    private static final int PARTITIONS = 4;
    private static final int RECORDS = 400;
    // Heartbeats and one rebalance come on top of a session.
    private static final long EVICTION_MS = Client.SESSION_MS + 3000;

    private Groups() {}

    /** Two members share the partitions and every record; the one that stays takes over. */
    static void share(Client client, String topic, String assignor) throws Exception {
        client.createTopic(topic, PARTITIONS, Map.of());
        Member first = new Member(client, topic, assignor, null);
        Client.until("all for the first", () -> first.held.size() == PARTITIONS);
        Member second = new Member(client, topic, assignor, null);
        Client.until("half for each", () -> first.held.size() == 2 && second.held.size() == 2);
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int n = 0; n < RECORDS; n++) {
            records.add(new ProducerRecord<>(topic, n % PARTITIONS, null, "v"));
        }
        client.send(records, Map.of());
        Client.until("every record, once", () -> first.records + second.records == RECORDS);
        second.leave();
        Client.until("all for the first again", () -> first.held.size() == PARTITIONS);
        first.leave();
    }

    /** A member that is killed is out when its session ends. */
    static void evict(Client client, String topic, String assignor) throws Exception {
        client.createTopic(topic, PARTITIONS, Map.of());
        String java = System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
        Process victim = new ProcessBuilder(
            java, "-cp", System.getProperty("java.class.path"), "Checks", client.address, "member", topic, topic, assignor)
            .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        try {
            Member survivor = new Member(client, topic, assignor, null);
            Client.until("half for each", () -> survivor.held.size() == 2);
            victim.destroyForcibly().waitFor();
            long killed = System.nanoTime();
            Client.until("all for the survivor", () -> survivor.held.size() == PARTITIONS);
            long took = Duration.ofNanos(System.nanoTime() - killed).toMillis();
            if (took > EVICTION_MS) {
                throw new AssertionError("it took " + took + " ms");
            }
            survivor.leave();
        } finally {
            victim.destroyForcibly();
        }
    }

    /** A static member that closes and comes back has the same partitions, and the other one never noticed. */
    static void comeBack(Client client, String topic) throws Exception {
        client.createTopic(topic, PARTITIONS, Map.of());
        Member first = new Member(client, topic, Client.RANGE, "one");
        Member second = new Member(client, topic, Client.RANGE, "two");
        Client.until("half for each", () -> first.held.size() == 2 && second.held.size() == 2);
        Set<Integer> mine = new TreeSet<>(first.held);
        first.leave();
        int before = second.rebalances;
        Member back = new Member(client, topic, Client.RANGE, "one");
        Client.until("the same partitions", () -> back.held.equals(mine));
        Client.same(second.rebalances, before);
        back.leave();
        second.leave();
    }

    /** What `Checks ADDRESS member` does until it is killed. */
    static void pollForEver(Client client, String group, String topic, String assignor) {
        try (KafkaConsumer<String, String> consumer = client.consumer(group, Map.of("partition.assignment.strategy", assignor))) {
            consumer.subscribe(List.of(topic));
            while (true) {
                consumer.poll(Duration.ofSeconds(1));
            }
        }
    }

    /** A member in a thread of its own; the group has the topic's name. */
    private static final class Member implements ConsumerRebalanceListener {
        private volatile Set<Integer> held = Set.of();
        private volatile int records;
        private volatile int rebalances;
        private volatile boolean ends;
        private volatile Throwable failure;
        private final Thread thread;

        Member(Client client, String topic, String assignor, String instance) {
            Map<String, String> settings = new HashMap<>(Map.of("partition.assignment.strategy", assignor));
            if (instance != null) {
                settings.put("group.instance.id", instance);
                settings.put("session.timeout.ms", "30000");
            }
            thread = new Thread(() -> run(client.consumer(topic, settings), topic));
            thread.setDaemon(true);
            thread.start();
        }

        void leave() throws Exception {
            ends = true;
            thread.join(20_000);
            if (thread.isAlive() || failure != null) {
                throw new AssertionError("a member did not end well", failure);
            }
        }

        private void run(KafkaConsumer<String, String> consumer, String topic) {
            try (consumer) {
                consumer.subscribe(List.of(topic), this);
                while (!ends) {
                    records += consumer.poll(Duration.ofMillis(50)).count();
                    Set<Integer> now = new TreeSet<>();
                    consumer.assignment().forEach(partition -> now.add(partition.partition()));
                    held = now;
                }
                held = Set.of();
            } catch (Throwable thrown) {
                failure = thrown;
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            rebalances++;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalances++;
        }
    }
}
