"""Topics of a broker, whichever it is: made, altered, deleted, each call waiting until it is so.

Owns: nothing; a class with an `admin` client takes these methods over.
"""

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from support.wait import until


class Topics:
    """What Kafka and the embedded broker have in common."""

    def create_topic(self, name, partitions=1, config=None):
        """Makes a topic and waits until it is there."""
        self.admin.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result(20)

    def delete_topic(self, name):
        """Deletes a topic and waits until it is gone."""
        self.admin.delete_topics([name])[name].result(20)
        until(f"the end of the topic {name}", lambda: name not in self.admin.list_topics(timeout=5).topics, 20)

    def alter_topic(self, name, config):
        """Sets settings of a topic."""
        entries = [
            ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET) for setting, value in config.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(20)
