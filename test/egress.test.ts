import assert from 'node:assert/strict';
import { promisify } from 'node:util';
import { createEgress } from '../src/egress.js';

const privateUrls = [
  'http://localhost/',
  'http://LOCALHOST:80/',
  'http://a.localhost/',
  'http://127.0.0.1/',
  'http://127.1/',
  'http://0x7f.0.0.1/',
  'http://2130706433/',
  'http://017700000001/',
  'http://0/',
  'http://0.0.0.0:8080/',
  'http://10.1.2.3/',
  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://100.64.0.1/',
  'http://198.18.0.1/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fc00::1]/',
  'http://[fd12:3456::1]/',
  'http://[fe80::1]/',
  'http://[febf::1]/',
  'http://[ff02::1]/',
  'http://１２７.0.0.1/',
  'http://127。0。0。1/',
];
const others = [
  'ftp://x.example/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'gopher://x',
  'x',
  '',
  'https://u:p@x.example/',
];

describe('egress', () => {
  it('refuses private addresses however they are written, and what is not http', () => {
    const egress = createEgress([]);
    for (const url of [...privateUrls, ...others]) assert.notEqual(egress.refusal(url), null, url);
    for (const url of ['https://slack.com/api/', 'http://8.8.8.8/', 'http://172.32.0.1/', 'http://[2606:4700::1]/']) {
      assert.equal(egress.refusal(url), null, url);
    }
  });

  it('says how the operator allows a host, and then lets it pass, with its port where one was named', () => {
    assert.match(createEgress([]).refusal('http://127.0.0.1:8080/x')!, /EGRESS_ALLOW=127\.0\.0\.1:8080/);
    const egress = createEgress(['127.0.0.1:8080', 'localhost', '[::1]']);
    for (const url of ['http://127.0.0.1:8080/x', 'http://localhost:99/', 'http://[::1]:7/']) {
      assert.equal(egress.refusal(url), null, url);
    }
    assert.notEqual(egress.refusal('http://127.0.0.1:8081/'), null);
  });

  it('resolves a name to no private address, whatever it was when it was written down', async () => {
    const lookup = promisify(createEgress([]).lookup);
    await assert.rejects(lookup('localhost', {}), /private address.*EGRESS_ALLOW=localhost/);
    await assert.rejects(lookup('localhost', { all: true }), /private address/);
    const allowed = promisify(createEgress(['localhost']).lookup);
    assert.ok(await allowed('localhost', {}));
  });
});
