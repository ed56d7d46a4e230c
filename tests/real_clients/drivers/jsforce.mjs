// What a user of jsforce writes: `node jsforce.mjs CALL` with the org on stdin, a result on stdout.

import { readFileSync } from "node:fs";
import jsforce from "jsforce";
import { StreamingExtension } from "jsforce/lib/api/streaming.js";

async function soap(org) {
  const conn = new jsforce.Connection({ loginUrl: org.url });
  await conn.login(org.username, org.password);
  return conn;
}

const logins = {
  soap,
  async "password grant"(org) {
    const oauth2 = { loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret };
    const conn = new jsforce.Connection({ oauth2 });
    await conn.login(org.username, org.password);
    return conn;
  },
  async "client credentials"(org) {
    const oauth2 = { loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret };
    const conn = new jsforce.Connection({ instanceUrl: org.url, oauth2 });
    await conn.authorize({ grant_type: "client_credentials" });
    return conn;
  },
  async "refresh token"(org) {
    const oauth2 = { loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret };
    // The token is void: the client has to get another one by itself.
    const conn = new jsforce.Connection({
      oauth2,
      instanceUrl: org.url,
      accessToken: "00Dvoid!expired",
      refreshToken: org.refresh_token,
    });
    return conn;
  },
};

const calls = {
  async login(org) {
    const found = {};
    for (const [name, login] of Object.entries(logins)) {
      const conn = await login(org);
      const { records } = await conn.query("SELECT Id FROM Organization");
      found[name] = records[0].Id;
    }
    return found;
  },

  async identity(org) {
    const conn = await soap(org);
    const found = await conn.identity();
    return { user_id: found.user_id, organization_id: found.organization_id };
  },

  async crud(org) {
    const conn = await soap(org);
    const accounts = conn.sobject("Account");
    const made = await accounts.create({ Name: "Jsforce household", Description: org.text });
    const read = await accounts.retrieve(made.id);
    const updated = await accounts.update({ Id: made.id, Description: null });
    const key = `JS-${made.id}`;
    const upserted = await accounts.upsert({ ExternalId__c: key, Name: "Upserted" }, "ExternalId__c");
    const again = await accounts.upsert({ ExternalId__c: key, Name: "Upserted again" }, "ExternalId__c");
    const deleted = await accounts.destroy(made.id);
    const gone = await accounts.retrieve(made.id).catch((error) => error.errorCode);
    return { made, read, updated, upserted, again, deleted, gone };
  },

  async collections(org) {
    const conn = await soap(org);
    const accounts = conn.sobject("Account");
    const made = await accounts.create(org.records, { allOrNone: false });
    const ids = made.filter((row) => row.success).map((row) => row.id);
    const read = await accounts.retrieve(ids);
    const updated = await accounts.update(ids.map((Id) => ({ Id, Type: "Household" })));
    const deleted = await accounts.destroy(ids.slice(1));
    return { made, read, updated, deleted };
  },

  async query(org) {
    const conn = await soap(org);
    const options = { autoFetch: true, maxFetch: 100000, scanAll: org.all };
    const { records } = await conn.query(org.soql, options);
    return records;
  },

  async find(org) {
    const conn = await soap(org);
    return conn
      .sobject("Account")
      .find({ Name: { $like: org.like } }, "Id, Name")
      .sort({ Name: 1 })
      .limit(5);
  },

  async describe(org) {
    const conn = await soap(org);
    const { sobjects } = await conn.describeGlobal();
    const { fields } = await conn.sobject("Account").describe();
    return { objects: sobjects.map((found) => found.name), fields: fields.map((found) => found.name) };
  },

  async updatedAndDeleted(org) {
    const conn = await soap(org);
    const [start, end] = [new Date(Date.now() - 3600_000), new Date(Date.now() + 60_000)];
    const updated = await conn.sobject("Account").updated(start, end);
    const deleted = await conn.sobject("Account").deleted(start, end);
    return { updated: updated.ids, deleted: deleted.deletedRecords.map((row) => row.id) };
  },

  async bulkQuery(org) {
    const conn = await soap(org);
    conn.bulk2.pollInterval = 200;
    const stream = await conn.bulk2.query(org.soql);
    return stream.toArray();
  },

  async bulkIngest(org) {
    const conn = await soap(org);
    return conn.bulk2.loadAndWaitForResults({
      object: "Account",
      operation: org.operation,
      externalIdFieldName: org.key,
      input: org.records,
      pollInterval: 200,
    });
  },

  async bulkV1(org) {
    const conn = await soap(org);
    conn.bulk.pollInterval = 200;
    return conn.bulk.load("Account", "insert", org.records);
  },

  async refused(org) {
    const conn = await soap(org);
    const found = {};
    for (const soql of org.queries) {
      found[soql] = await conn.query(soql).then(() => null, (error) => error.errorCode ?? error.name);
    }
    return found;
  },

  // A subscriber from a position, by jsforce's own extension for replay.
  async stream(org) {
    const conn = await soap(org);
    const replay = new StreamingExtension.Replay(org.channel, org.replay_id);
    const client = conn.streaming.createClient([replay]);
    const messages = await new Promise((resolve, reject) => {
      const received = [];
      client
        .subscribe(org.channel, (message) => {
          received.push(message);
          if (received.length === org.count) resolve(received);
        })
        .then(undefined, reject);
    });
    client.disconnect();
    return messages;
  },
};

const org = JSON.parse(readFileSync(0, "utf8"));
const answer = await calls[process.argv[2]](org);
process.stdout.write(JSON.stringify(answer) + "\n", () => process.exit(0));
