'use strict';

// Runs the gateway with the configuration in EG_CONFIG_DIR: gateway on 8080, admin on 9876.
const crypto = require('node:crypto');
const gateway = require('express-gateway');

// Without keys of your own each start has new ones. That is right as long as nothing outlives the
// process, that is without Redis; a fixed default would be a secret that everybody knows.
for (const name of ['EG_CIPHER_KEY', 'EG_SESSION_SECRET']) {
  process.env[name] ||= crypto.randomBytes(32).toString('hex');
}

gateway()
  .load(process.env.EG_CONFIG_DIR)
  .run()
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(0));
}
