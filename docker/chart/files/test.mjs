/** `helm test`: the hub is in service and, where the admin token is known, has everything that this release gives it. */
const { HUB_URL, ADMIN_TOKEN } = process.env;

const get = async (path) => {
  const response = await fetch(
    `${HUB_URL}${path}`,
    ADMIN_TOKEN && { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } },
  );
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};

console.log('ready:', await get('/health/ready'));
if (ADMIN_TOKEN) {
  const { store, queue } = await get('/api/v1/machine');
  console.log('store:', store.kind, 'queue:', queue.kind);
}
