// npm runs this after `npm install` in a checkout, and before the package is packed. It also does so when `npx pose-gan` is
// called in a checkout for the first time, which links the checkout into npm's cache; a command builds nothing then.
import { execSync } from 'node:child_process';

if (process.env.npm_command !== 'exec') execSync('npm run -s build', { stdio: 'inherit' });
