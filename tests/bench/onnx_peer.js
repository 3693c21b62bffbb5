// ONNX Runtime on an exported encoder, served as bench.c serves it: MODEL THREADS CALLS DIMS..
// NODE_PATH tells where onnxruntime-node is.
'use strict';
const start = process.hrtime.bigint();
const ort = require('onnxruntime-node');
const readline = require('readline');
const fs = require('fs');

const seconds = (from) => Number(process.hrtime.bigint() - from) * 1e-9;
const say = (members) => fs.writeSync(1, JSON.stringify(members) + '\n');

async function main() {
  const [model, threads, calls, ...dims] = process.argv.slice(2);
  const begin = process.hrtime.bigint();
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const shape = dims.map(Number);
  const x = Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, Math.random);
  const feed = {x: new ort.Tensor('float32', x, shape)};
  await session.run(feed);
  say({ready: 1, first_seconds: seconds(begin)});
  for await (const line of readline.createInterface({input: process.stdin})) {
    const used = process.cpuUsage(), each = [], from = process.hrtime.bigint();
    for (let i = 0; i < Number(calls); i++) {
      const one = process.hrtime.bigint();
      await session.run(feed);
      each.push(seconds(one));
    }
    const total = seconds(from) / each.length, cpu = process.cpuUsage(used);
    each.sort((a, b) => a - b);
    say({seconds: total, cpu: (cpu.user + cpu.system) * 1e-6 / each.length,
         p50: each[each.length >> 1],
         p99: each[Math.floor(each.length * 0.99)]});
  }
  const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  say({peak_mb: Number(peak[1]) / 1024, alive_seconds: seconds(start)});
}
main();
