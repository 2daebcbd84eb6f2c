import type { Contract, ContractName } from '../../../src/bench/contract.js';
import { h } from '../dom.js';
import { scrolling } from './bench-parts.js';

const code = (text: string) => h('code', {}, text);

function table(
  label: string,
  head: readonly string[],
  rows: readonly (readonly (string | HTMLElement)[])[],
): HTMLElement {
  return scrolling(
    label,
    h(
      'table',
      { class: 'names' },
      h('thead', {}, h('tr', {}, ...head.map((n) => h('th', { scope: 'col' }, n)))),
      h('tbody', {}, ...rows.map((r) => h('tr', {}, ...r.map((c) => h('td', {}, c))))),
    ),
  );
}

const part = (title: string, ...content: (HTMLElement | string)[]) => [h('h3', {}, title), ...content];

/** A part that is folded at first. */
const more = (title: string, ...content: (HTMLElement | string)[]) =>
  h('details', {}, h('summary', {}, title), ...content);

const type = (n: ContractName) =>
  n.kind === 'param' ? (n.type ?? (Number.isInteger(n.value) ? 'u32' : 'f32')) : n.kind;

/** The interface of a kernel for an op: its bindings and its launch. */
export function contractView(c: Contract): HTMLElement {
  const optional = c.tensors.filter((t) => t.kind === 'optional argument').map((t) => t.name);
  const tensors = c.tensors.map((t) => [
    code(t.name),
    `${t.dtype === 'f32' ? '' : `${t.dtype} `}${t.kind}${t.strided ? ', strided' : ''}`,
    `${t.layout.split(' ').join(', ')}`,
    t.shape.length ? t.shape.join('×') : 'absent',
  ]);
  const [some = 'x'] = c.tensors.map((t) => t.name);
  const result = c.tensors.find((t) => t.kind === 'result')?.name ?? 'y';
  const bindings = [
    [
      `var<storage, read> ${some}: array<f32>`,
      'an argument; array<vec4f> if channels, stride and offset are multiples of 4',
    ],
    [`var ${some}: texture_2d<f32>`, `the same as texels of four values, ${c.device.texels} to a row`],
    [`var ${some}: texture_storage_2d<rgba32float, read>`, 'the same texture'],
    [`var<storage, read_write> ${result}: array<f32>`, 'a result; write all of its elements and nothing else'],
    ['var<uniform> p: Params', 'struct Params, whose fields have the names below'],
  ];
  const value = (n: ContractName) => (n.value === undefined ? '' : String(n.value));
  const names = [
    ...c.names.map((n) => [code(n.name), type(n), value(n), n.meaning]),
    [code('NAME_offset'), 'u32', '', 'first element of an argument or result'],
    [code('NAME_stride'), 'u32', '', 'elements from one of its rows to the next'],
  ];
  const expressions = Object.entries(c.expressions).map(([n, v]) => `${n}=${Number(v.toPrecision(6))}`);
  const variants = c.variants.map((v) => [
    v.name,
    v.rejects ? `does not run: ${v.rejects}` : v.workgroups.map((w) => w.join('×')).join(', '),
  ]);
  const others = c.others.map((n) => [code(n.name), type(n), n.meaning, n.variants.join(', ')]);
  const limits = [
    ...Object.entries(c.device.limits).map(([n, v]) => [code(n), String(v)]),
    ['f16', c.device.features.includes('shader-f16') ? 'yes' : 'no'],
    [
      'subgroups',
      c.device.features.includes('subgroups') ? `${c.device.subgroupSize || 'several sizes of'} lanes` : 'no',
    ],
  ];
  return h(
    'div',
    { class: 'contract' },
    h('h2', {}, `Interface of a kernel for ${c.op}`),
    h('pre', { class: 'formula' }, c.formula),
    ...part(
      'Arguments and results',
      h('p', { class: 'hint' }, `The shapes are those of the case ${c.sample}.`),
      table('arguments and results', ['name', 'what', 'layout', 'shape'], tensors),
      h(
        'p',
        { class: 'hint' },
        ...['Element (row r, channel c) is at ', code('NAME_offset + r * NAME_stride + c'), '. A strided'],
        ' tensor may be a channel range of a wider one; the others are contiguous. An offset need not be 0.',
        optional.length ? ` If ${optional.join(' or ')} is absent, its NAME.channels is 0.` : '',
      ),
    ),
    ...part(
      'Bindings',
      h(
        'p',
        { class: 'hint' },
        'Variables are bound by name. They must be in group 0; the number of the binding does not matter.',
      ),
      h(
        'dl',
        { class: 'bindings' },
        ...bindings.flatMap(([d = '', what = '']) => [h('dt', {}, code(d)), h('dd', {}, what)]),
      ),
    ),
    ...part('Params and overrides', table('params and overrides', ['name', 'type', 'here', 'meaning'], names)),
    more(
      'Workgroups and other expressions',
      h(
        'p',
        { class: 'hint' },
        ...[
          code('X, Y, Z'),
          ', or ',
          code('grid(INVOCATIONS, SIZE)'),
          ' for enough workgroups of SIZE invocations. If x is ',
        ],
        ...['not enough, grid folds them into x and y; then ', code('index = id.y * groups.x * SIZE + id.x'), ' with '],
        ...[code('@builtin(num_workgroups) groups'), '.'],
      ),
      h(
        'p',
        { class: 'hint' },
        'Expressions may use + - * / % ( ) < <= == != >= > && || !, ceil floor round abs sqrt min max, and these names:',
      ),
      h('p', { class: 'expressions' }, ...expressions.flatMap((e) => [code(e), ' '])),
    ),
    more('Our kernels and their workgroups', table('our kernels', ['kernel', 'workgroups here'], variants)),
    others.length
      ? more(
          'Further names, for a launch like one of our kernels',
          table('further names', ['name', 'type', 'meaning', 'kernels'], others),
        )
      : null,
    more('This adapter', h('p', { class: 'hint' }, c.device.adapter), table('limits', ['limit', 'value'], limits)),
  );
}
