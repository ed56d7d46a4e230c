"""Parts that activities of every capability use: interceptors, heartbeat, threads and waits."""
