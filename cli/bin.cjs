#!/usr/bin/env node
'use strict';
// Entry point of `stackferry`. In the syntax of the oldest Node, which must be able to parse it to report that it is
// too old.
var existsSync = require('fs').existsSync;
var join = require('path').join;
var wanted = require('../package.json').engines.node.replace('>=', '');

function numbers(version) {
  return version.split('.').map(Number);
}

function isOld(version) {
  var have = numbers(version);
  var want = numbers(wanted);
  return have[0] < want[0] || (have[0] === want[0] && have[1] < want[1]);
}

if (isOld(process.versions.node)) {
  process.stderr.write(
    'Stackferry needs Node ' + wanted + ' or newer, and this is ' + process.versions.node + ': install a newer one.\n',
  );
  process.exit(1);
}
// A package contains the build and no sources; a checkout runs its sources.
var source = join(__dirname, 'main.ts');
require(existsSync(source) ? source : '../dist/cli/main.js');
