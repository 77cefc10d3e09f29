//! Which requests are answered, in which versions; what ApiVersions says.
//!
//! What is absent here is refused as Kafka refuses it: the connection is closed. Versions end where the next one needs
//! what this broker does not have: topic ids instead of names (Produce 13, Fetch 13), transactions (FindCoordinator 5,
//! KIP-890), tiered storage (ListOffsets 9).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};

/// Request, lowest and highest version.
const APIS: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 1, 8),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::SaslHandshake, 1, 1),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 2),
];

/// The request of a key, if this version of it is answered.
pub(super) fn find(key: i16, version: i16) -> Option<ApiKey> {
    let found = APIS.iter().find(|(api, ..)| *api as i16 == key);
    found
        .filter(|(_, min, max)| (*min..=*max).contains(&version))
        .map(|(api, ..)| *api)
}

/// The answer to ApiVersions.
pub(super) fn versions(error: Option<ResponseError>) -> ApiVersionsResponse {
    let api_keys = APIS.iter().map(|(api, min, max)| {
        // Kafka 4 says so, too: librdkafka before 2.11 takes a higher minimum for a broker that can't decompress.
        let min = if *api == ApiKey::Produce { 0 } else { *min };
        ApiVersion::default()
            .with_api_key(*api as i16)
            .with_min_version(min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_api_keys(api_keys.collect())
}
