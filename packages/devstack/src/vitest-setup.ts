import { type TestProject } from 'vitest/node';
import { EngineService } from './testing/engine-service.js';

/** Vitest's global set-up: serves the test kit's `testDatabase` and `testNats`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const service = new EngineService((line) => process.stderr.write(`${line}\n`));
  project.provide('banyanEngines', await service.listen());
  return () => service.close();
}
