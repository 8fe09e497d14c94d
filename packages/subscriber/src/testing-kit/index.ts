export {
  scenario,
  type Expectation,
  type Happened,
  type Scenario,
  type ScenarioEvents,
  type ScenarioOptions,
} from './scenario.js';
