// What a user of salesforce-pubsub-api-client writes: `node x.mjs CALL` with the org on stdin, events on stdout.

import { readFileSync } from "node:fs";
import PubSubApiClient from "salesforce-pubsub-api-client";

const quiet = { debug() {}, info() {}, warn() {}, error: console.error };

const logins = {
  "username-password": (org) => ({ username: org.username, password: org.password, userToken: "" }),
  "oauth-client-credentials": (org) => ({ clientId: org.client_id, clientSecret: org.client_secret }),
  "oauth-jwt-bearer": (org) => ({
    clientId: org.client_id,
    username: org.username,
    privateKey: readFileSync(org.private_key_file, "utf8"),
  }),
};

async function connect(org) {
  const client = new PubSubApiClient(
    {
      authType: org.auth,
      loginUrl: org.url,
      pubSubEndpoint: `localhost:${org.pubsub_port}`,
      // The client brings its own file of CAs and takes no other.
      rejectUnauthorizedSsl: false,
      ...logins[org.auth](org),
    },
    quiet,
  );
  await client.connect();
  return client;
}

const calls = {
  // `count` events of a topic, `batch` at a time, asked for as the client's manual says.
  async receive(org) {
    const client = await connect(org);
    const events = await new Promise((resolve, reject) => {
      const received = [];
      const take = (subscription, kind, data) => {
        if (kind === "event") {
          received.push({ replayId: data.replayId, payload: data.payload });
          if (received.length === org.count) resolve(received);
        } else if (kind === "lastEvent" && received.length < org.count) {
          client.requestAdditionalEvents(subscription.topicName, Math.min(org.batch, org.count - received.length));
        } else if (kind === "error") {
          reject(data);
        }
      };
      const first = Math.min(org.batch, org.count);
      if (org.replay_id === undefined) client.subscribeFromEarliestEvent(org.topic, take, first);
      else client.subscribeFromReplayId(org.topic, take, first, org.replay_id);
    });
    client.close();
    return events;
  },

  // How many events of several topics are received from the earliest on, after the first `skip`, in `seconds` or until none is left.
  async rate(org) {
    const client = await connect(org);
    // It asks for an unknown schema once an event, not once: one event first, so that the hundreds behind it know theirs.
    await new Promise((resolve) => {
      client.subscribeFromEarliestEvent(org.warm_topic, (_, kind) => kind === "lastEvent" && resolve(), 1);
    });
    const marks = await new Promise((resolve, reject) => {
      let first, last, cpu, ending;
      let events = 0;
      const end = () => resolve({ seconds: (last - first) / 1000, events: events - org.skip, cpu: process.cpuUsage(cpu) });
      const take = (subscription, kind, data) => {
        if (kind === "event") {
          last = performance.now();
          events += 1;
          if (events === org.skip) [first, cpu] = [last, process.cpuUsage()];
          // Events come in lumps, and the last lump is counted whole.
          if (last - first > org.seconds * 1000) ending ??= setTimeout(end, 200);
          if (events === org.count * org.topics.length) end();
        } else if (kind === "lastEvent") {
          client.requestAdditionalEvents(subscription.topicName, 100);
        } else if (kind === "error") {
          reject(data);
        }
      };
      for (const topic of org.topics) client.subscribeFromEarliestEvent(topic, take, 100);
    });
    client.close();
    return { events: marks.events, seconds: marks.seconds, cpu_seconds: (marks.cpu.user + marks.cpu.system) / 1e6 };
  },

  async stale(org) {
    const client = await connect(org);
    const error = await new Promise((resolve) => {
      client.subscribeFromReplayId(
        org.topic,
        (_, kind, data) => kind === "error" && resolve(data),
        5,
        org.replay_id,
      );
    });
    client.close();
    return { code: error.code, details: error.details, errorCode: error.metadata?.get("error-code") };
  },
};

const org = JSON.parse(readFileSync(0, "utf8"));
const answer = await calls[process.argv[2]](org);
const text = JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? value.toString() : value));
process.stdout.write(text + "\n", () => process.exit(0));
