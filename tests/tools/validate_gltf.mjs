// Runs the Khronos glTF validator on files and prints its reports as one JSON list.
// usage: node validate_gltf.mjs NODE_MODULES FILE...
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [folder, ...files] = process.argv.slice(2);
const validator = createRequire(join(resolve(folder), 'x'))('gltf-validator');
const reports = [];
for (const file of files) {
  reports.push(await validator.validateBytes(new Uint8Array(readFileSync(file)), { uri: file }));
}
console.log(JSON.stringify(reports));
