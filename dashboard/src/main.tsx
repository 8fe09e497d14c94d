import { render } from 'preact';
import { App } from './app.js';
import { openSession } from './session/session.js';
import './ui/theme.js';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
void openSession();
