import { describe, expect, test } from 'vitest';
import { blocksOf, readDriverLog } from '../src/bench/isa/disassembly.js';
import { compiledKernel } from '../src/bench/isa/document.js';
import { hotLoop } from '../src/bench/isa/figures.js';
import { loopsOf } from '../src/bench/isa/loops.js';
import { isaText } from '../src/bench/isa/text.js';

const RDNA = { storesWithLoads: false };
const GCN = { storesWithLoads: true };

/** A matrix product as RDNA 3's disassembler writes it: a loop over tiles, in which a loop fills workgroup memory. */
const NESTED = `BB0:
	s_mov_b32 s0, 0                                             ; be800080
	v_mov_b32_e32 v1, 0                                         ; 7e020280
	s_cbranch_execz BB9                                         ; bfa50001
BB1:
	s_cmp_ge_u32 s0, s4                                         ; bf091705
	s_cbranch_scc1 BB9                                          ; bfa20001
BB2:
	buffer_load_b32 v3, v3, s[40:43], 0 offen                   ; e0500000 804a0303
	s_add_u32 s1, s1, 1                                         ; 801b811b
	s_waitcnt vmcnt(0)                                          ; bf8903f7
	ds_store_b32 v4, v3                                         ; d8340000
	s_cmp_lt_u32 s1, s5                                         ; bf0a0501
	s_cbranch_scc1 BB2                                          ; bfa2ffe0
BB3:
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	s_barrier                                                   ; bfbd0000
	ds_load_b64 v[5:6], v4                                      ; d9d80000
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	v_dual_fmac_f32 v1, v5, v6 :: v_dual_mul_f32 v2, v5, v5     ; c8060b05
	v_fmac_f32_e32 v1, v3, v7                                   ; 56020f03
	v_fma_f32 v8, v5, v6, v7                                    ; d6130008
	v_add_nc_u32_e32 v4, 4, v4                                  ; 4a080884
	v_mad_u32_u24 v9, v5, v6, v7                                ; d60b0009
	s_branch BB1                                                ; bfa0ffe0
BB9:
	v_fmac_f32_e32 v1, v3, v7                                   ; 56020f03
	buffer_store_b32 v1, v0, s[4:7], 0 offen                    ; e0680000
	s_endpgm                                                    ; bfb00000
`;

describe('the hot loop', () => {
  test('loops are found by branches back to a block that all ways have passed, with their depth', () => {
    const blocks = blocksOf(NESTED);
    const labels = (of: readonly number[]) => of.map((i) => blocks[i]?.label);
    expect(labels(blocks.map((_, i) => i))).toEqual(['BB0', 'BB1', 'BB2', 'BB3', 'BB9']);
    const loops = loopsOf(blocks).map((l) => ({ ...l, blocks: labels(l.blocks), own: labels(l.own) }));
    expect(loops).toEqual([
      { header: 1, blocks: ['BB1', 'BB2', 'BB3'], own: ['BB1', 'BB3'], depth: 1 },
      { header: 2, blocks: ['BB2'], own: ['BB2'], depth: 2 },
    ]);
  });

  test('is the one that multiplies and adds, and its instructions are counted by kind', () => {
    expect(hotLoop(NESTED, RDNA)).toEqual({
      ...{ isLoop: true, from: 'BB1', to: 'BB3', depth: 1, instructions: 19 },
      // The two halves of a dual instruction are two; an integer multiply-add is none.
      ...{ multiplyAdds: 3, otherVector: 3, share: 0.5 },
      ...{ sharedAccesses: 2, loads: 1, stores: 0, scalarLoads: 0, multiplyAddsPerLoad: 0 },
    });
  });

  test('is the inner of two loops, unless the outer one does more than eight times as much', () => {
    const inner = (before: number) => `BB0:
BB1:
${'	v_fma_f32 v0, v1, v2, v3\n'.repeat(before)}
BB2:
	v_fma_f32 v0, v1, v2, v3
	s_cbranch_scc1 BB2
BB3:
	s_cbranch_scc1 BB1
BB4:
	s_endpgm
`;
    expect(hotLoop(inner(7), RDNA)).toMatchObject({ from: 'BB2', to: 'BB2', depth: 2, multiplyAdds: 1 });
    expect(hotLoop(inner(9), RDNA)).toMatchObject({ from: 'BB1', to: 'BB3', depth: 1, multiplyAdds: 10 });
  });

  test('has blocks that lie elsewhere in the code, and not those that lie between its own', () => {
    const moved = `BB0:
BB1:
	v_fma_f32 v0, v1, v2, v3
	s_cbranch_vccnz BB4
	s_cbranch_scc1 BB1
BB3:
	v_mov_b32_e32 v0, v1
	s_endpgm
BB4:
	v_mul_f32_e32 v0, v1, v2
	s_branch BB1
`;
    expect(hotLoop(moved, RDNA)).toMatchObject({ from: 'BB1', to: 'BB4', multiplyAdds: 1, otherVector: 1 });
  });

  test('is not what a branch back to code that was laid out before makes of a kernel that never repeats it', () => {
    const jump = `BB0:
	s_cbranch_scc1 BB2
	s_branch BB3
BB1:
	v_fma_f32 v0, v1, v2, v3
	s_endpgm
BB2:
	v_mov_b32_e32 v0, v1
BB3:
	s_branch BB1
`;
    expect(loopsOf(blocksOf(jump))).toEqual([]);
    expect(hotLoop(jump, RDNA)).toMatchObject({ isLoop: false, multiplyAdds: 1, otherVector: 1 });
  });

  test('is the whole kernel where only code outside of loops multiplies and adds and outweighs them, else the busiest loop', () => {
    const kernel = (...after: string[]) => `BB0:
	v_mov_b32_e32 v0, v1
BB1:
	v_add_f32_e32 v0, v1, v2
	s_cbranch_scc1 BB1
BB2:
	${after.join('\n\t')}
	s_endpgm
`;
    const FMA = 'v_fma_f32 v0, v1, v2, v3';
    const whole = { isLoop: false, depth: 0, from: 'BB0', to: 'BB2' };
    expect(hotLoop(kernel(...Array(8).fill(FMA)), GCN)).toMatchObject({ ...whole, multiplyAdds: 8, otherVector: 2 });
    expect(hotLoop(kernel(...Array(7).fill(FMA)), GCN)).toMatchObject({ isLoop: true, from: 'BB1', multiplyAdds: 0 });
    const none = hotLoop(kernel(...Array(20).fill('v_mov_b32_e32 v0, v1')), GCN);
    expect(none).toMatchObject({ isLoop: true, from: 'BB1', otherVector: 1, share: 0 });
    expect(hotLoop('BB0:\n\ts_endpgm\n', GCN)).toMatchObject({ isLoop: false, share: null, multiplyAddsPerLoad: null });
  });
});

describe('multiply-adds while a load is under way', () => {
  const FMA = 'v_fmac_f32_e32 v1, v3, v7';
  const loop = (...body: string[]) => `BB0:\nBB1:\n\t${body.join('\n\t')}\n\ts_cbranch_scc1 BB1\nBB2:\n\ts_endpgm\n`;
  const LOAD = 'buffer_load_dwordx4 v[0:3], v4, s[4:7], 0 offen';

  test.each([
    ['a wait for all, RDNA 2', RDNA, [LOAD, FMA, FMA, 's_waitcnt vmcnt(0)', FMA], 2],
    [
      'a wait for all but the last, which comes in the next run',
      RDNA,
      [LOAD, FMA, LOAD, FMA, 's_waitcnt vmcnt(1)', FMA],
      3,
    ],
    ['a load for the next run', RDNA, ['s_waitcnt vmcnt(0)', LOAD, FMA, FMA, FMA], 3],
    ['a wait for workgroup memory alone', RDNA, [LOAD, FMA, 's_waitcnt lgkmcnt(0)', FMA, 's_waitcnt vmcnt(0)'], 2],
    ['both in one instruction', GCN, [LOAD, FMA, 's_waitcnt vmcnt(0) lgkmcnt(0)', FMA], 1],
    ['RDNA 4', RDNA, [LOAD, FMA, 's_wait_dscnt 0x0', FMA, 's_wait_loadcnt 0x0', FMA], 2],
    ['RDNA 4, two counters', RDNA, [LOAD, FMA, LOAD, FMA, 's_wait_loadcnt_dscnt 0x100', FMA, 's_wait_loadcnt 0x0'], 2],
    [
      'packed multiply-adds are two',
      GCN,
      [LOAD, 'v_pk_fma_f32 v[0:1], v[2:3], v[4:5], v[6:7]', 's_waitcnt vmcnt(0)'],
      2,
    ],
    [
      'mixed multiply-adds by 1 are conversions',
      RDNA,
      [LOAD, 'v_fma_mixlo_f16 v11, 1.0, v9, neg(0)', FMA, 'v_fma_mix_f32 v8, v1, v2, v3', 's_waitcnt vmcnt(0)'],
      2,
    ],
    ['global loads', RDNA, ['global_load_b128 v[0:3], v4, s[4:5]', FMA, 's_waitcnt vmcnt(0)'], 1],
    ['loads of scalars are not counted', RDNA, ['s_buffer_load_b32 s0, s[8:11], 0', FMA, 's_waitcnt vmcnt(0)'], null],
    ['no wait', RDNA, [LOAD, FMA], null],
  ] as const)('%s', (_, counting, body, expected) => {
    expect(hotLoop(loop(...body), counting).multiplyAddsPerLoad).toBe(expected);
  });

  test('stores are counted with loads before RDNA, and not since', () => {
    const body = [LOAD, FMA, 'buffer_store_dword v0, v4, s[4:7], 0 offen', FMA, 's_waitcnt vmcnt(1)', FMA];
    expect(hotLoop(loop(...body), GCN)).toMatchObject({ loads: 1, stores: 1, multiplyAddsPerLoad: 2 });
    // There the wait leaves the load, and ends in the next run the one of this.
    expect(hotLoop(loop(...body), RDNA)).toMatchObject({ loads: 1, stores: 1, multiplyAddsPerLoad: 5 });
  });
});

const STATISTICS = `Compute Shader:
*** SHADER STATS ***
Driver pipeline hash: 11188001035721481573
SGPRs: 128
VGPRs: 144
Spilled SGPRs: 0
Spilled VGPRs: 3
Code size: 1220
LDS size: 12288
Scratch size: 16
Subgroups per SIMD: 10
********************
VGPRs: 7
`;
const USE = { op: 'conv2d', variant: 'tiled', yours: false, chosen: true, part: '', constants: {}, cases: ['a: b'] };
const compiler = (isa: string, architecture: string) => ({ isa, architecture, driver: 'radv: Mesa 25.0.7' });

describe('the log of the driver', () => {
  test('the last shader is read: its code, not the compiler’s own form of it, and its statistics', () => {
    const log = `other\nBB0:\n\ts_endpgm\n${STATISTICS}\nBB0\n\t s1: %0:s[0] = s_mov_b32 %222:s[3]\nCompute Shader\ndisasm:\n${NESTED}\n\n${STATISTICS}\n`;
    const found = readDriverLog(log);
    expect(found?.assembly).toBe(NESTED);
    expect(found?.statistics).toMatchObject({ VGPRs: 144, 'LDS size': 12288, 'Spilled VGPRs': 3 });
    const kernel = compiledKernel(USE, found ?? { statistics: {} }, compiler('navi31', 'rdna-3'));
    expect(kernel).toMatchObject({
      ...{ vgprs: 144, sgprs: 128, spilledVgprs: 3, spilledSgprs: 0, sharedBytes: 12288, scratchBytes: 16 },
      // 1536 registers of 32 lanes hold 144 registers of 64 lanes five times.
      ...{ codeBytes: 1220, waveSize: 64, waves: 5, loop: { multiplyAdds: 3 } },
    });
  });

  test('waves of 32 lanes, and those of GCN, are as many as the driver says', () => {
    const of = (mask: string, isa: string, architecture: string) => {
      const log = `\nBB0:\n\ts_mov_b32 ${mask}, s0\n\ts_endpgm\n${STATISTICS}`;
      return compiledKernel(USE, readDriverLog(log) ?? { statistics: {} }, compiler(isa, architecture));
    };
    expect(of('exec_lo', 'navi21', 'rdna-2')).toMatchObject({ waveSize: 32, waves: 10 });
    expect(of('exec', 'navi21', 'rdna-2')).toMatchObject({ waveSize: 64, waves: 5 });
    expect(of('exec', 'vega10', 'gcn-5')).toMatchObject({ waveSize: 64, waves: 10 });
    expect(of('exec', 'mi200', '')).toMatchObject({ waveSize: 64, waves: 10 });
  });

  test('code that the driver cannot disassemble has statistics alone, and the table says so', () => {
    const log = `\nBB0:\n\tv_fma_f32 v0\n${STATISTICS}\ndisasm:\nnot supported\nBB0\n\ts_endpgm\n${STATISTICS}`;
    const found = readDriverLog(log);
    expect(found?.assembly).toBeUndefined();
    const of = compiler('gfx1201', '');
    const kernel = compiledKernel(USE, found ?? { statistics: {} }, of);
    expect(kernel).toMatchObject({ vgprs: 144, loop: null });
    expect(isaText({ ...of, kernels: [kernel] })).toMatch(
      /conv2d\/tiled \* .*144 .*–.*a: b\nThis Mesa cannot disassemble/,
    );
  });

  test('without statistics there is nothing to read, and a missing one is named', () => {
    expect(readDriverLog('Warning: anything\n')).toBeUndefined();
    const found = readDriverLog(STATISTICS.replace(/^LDS.*\n/m, '')) ?? { statistics: {} };
    const kernel = compiledKernel(USE, found, compiler('navi31', 'rdna-3'));
    expect(kernel).toMatchObject({ failed: 'the driver\'s statistics have no line "LDS size"' });
    expect(isaText({ ...compiler('navi31', 'rdna-3'), kernels: [kernel] })).toContain(
      'conv2d/tiled does not compile: ',
    );
  });
});
