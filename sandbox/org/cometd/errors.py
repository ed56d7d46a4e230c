"""CometD's refusals, word by word (Streaming API Developer Guide, "Streaming API Error Codes").
Braces are literal.
"""

NO_VERSION = "400::API version in the URI is mandatory. URI format: '/cometd/67.0'"
OLD_VERSION = "400::Unsupported API version. Only API versions '37.0' and later are supported. URI format: '/cometd/67.0'"
TOO_LARGE = "413::Maximum Request Size Exceeded"
NO_AUTHENTICATION = "401::Request requires authentication"
BAD_AUTHENTICATION = "401::Authentication invalid"
HANDSHAKE_DENIED = "403::Handshake denied"
TOO_MANY_CLIENTS = "403::Organization concurrent user limit exceeded"
EVENTS_SPENT = "403::Organization total events daily limit exceeded"
UNKNOWN_CLIENT = "403::Unknown client"
NO_HANDSHAKE = "403::Client has not completed handshake"
NO_CHANNEL = "400::Channel name not specified"
NO_SLASH = "400::Channel subscriptions must start with a leading '/'"
RESTRICTED_CHANNEL = "403::Restricted channel"
NOT_ALLOWED = "403::User not allowed to subscribe CDC without View All Data permissions"
CANNOT_PUBLISH = "403::Cannot create channel {%s}"
NOT_SUBSCRIBED = "400::Not subscribed to channel {%s}"


def unknown_channel(channel: str) -> str:
    return f"400::The channel you requested to subscribe to doesn't exist {{{channel}}}"


def bad_connection_type(name: object) -> str:
    return f"400::Invalid connection type {{{name}}}"


def bad_replay_id(replay: object) -> str:
    return (
        f"400::The replayId {{{replay}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
        "or -1 to replay only new events."
    )
