import { openHelp } from '../keyboard/shortcuts.js';
import { signOut } from '../session/session.js';
import { Icon, type IconName } from '../ui/icon.js';
import { nextTheme, theme, type Theme } from '../ui/theme.js';

const ICONS: Readonly<Record<Theme, IconName>> = { system: 'system', light: 'sun', dark: 'moon' };

/** What concerns the page itself, not the system; and the way to the gateway's other page. */
export function Controls() {
  return (
    <div class="controls">
      <a class="button button-quiet" href="/board/" aria-label="The board" title="The board">
        <Icon name="board" />
      </a>
      <Control icon={ICONS[theme.value]} label={`Theme: ${theme.value}. Change`} onClick={nextTheme} />
      <Control icon="keyboard" label="Keyboard shortcuts" onClick={openHelp} />
      <Control icon="leave" label="Sign out" onClick={() => void signOut()} />
    </div>
  );
}

function Control({ icon, label, onClick }: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <button type="button" class="button button-quiet" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
