/** A column of the tables of published figures. */
export const PUBLISHED_COLUMNS = ['SSIM', 'IS', 'mask-SSIM', 'mask-IS', 'DS', 'FID', 'LPIPS'] as const;
type PublishedColumn = (typeof PUBLISHED_COLUMNS)[number];

/** Figures copied from elsewhere. Nothing of them was computed here. */
interface PublishedRow {
  readonly system: string;
  readonly year: number;
  /** The figures as they were printed. */
  readonly figures: Readonly<Partial<Record<PublishedColumn, string>>>;
  /** Sizes, split and variants of the metrics, as far as they are known. Figures of different protocols are not comparable. */
  readonly protocol: string;
  /** Where the figures were read. */
  readonly source: string;
}

export interface PublishedTable {
  readonly dataset: string;
  readonly rows: readonly PublishedRow[];
}

const PAPER = 'Siarohin et al. 2018, arXiv 1801.00055';
const paper = (year: number, size: string) => ({
  ...{ year, source: PAPER },
  protocol: `${size}, pairs of that paper, SSIM with the range of the generated image`,
});
const market = paper(2018, '128×64');
const fashion = paper(2018, '256×256');

const MARKET: PublishedTable = {
  dataset: 'Market-1501',
  rows: [
    {
      ...{ ...market, system: 'this paper, full' },
      figures: { SSIM: '0.290', IS: '3.185', 'mask-SSIM': '0.805', 'mask-IS': '3.502', DS: '0.72' },
    },
    {
      ...{ ...market, system: 'this paper, baseline' },
      figures: { SSIM: '0.256', IS: '3.188', 'mask-SSIM': '0.784', 'mask-IS': '3.580', DS: '0.595' },
    },
    {
      ...{ ...market, system: 'this paper, DSC' },
      figures: { SSIM: '0.272', IS: '3.442', 'mask-SSIM': '0.796', 'mask-IS': '3.666', DS: '0.629' },
    },
    {
      ...{ ...market, system: 'this paper, PercLoss' },
      figures: { SSIM: '0.276', IS: '3.342', 'mask-SSIM': '0.788', 'mask-IS': '3.519', DS: '0.603' },
    },
    {
      ...{ ...market, system: 'PG² (two stages)', year: 2017 },
      figures: { SSIM: '0.253', IS: '3.460', 'mask-SSIM': '0.792', 'mask-IS': '3.435', DS: '0.39' },
    },
    {
      ...{ ...market, system: 'real images' },
      figures: { SSIM: '1', IS: '3.86', 'mask-SSIM': '1', 'mask-IS': '3.36', DS: '0.74' },
    },
  ],
};

const FASHION: PublishedTable = {
  dataset: 'DeepFashion In-shop',
  rows: [
    { ...{ ...fashion, system: 'this paper, full' }, figures: { SSIM: '0.756', IS: '3.439', DS: '0.96' } },
    {
      ...{ ...fashion, system: 'PG² (two stages)', year: 2017 },
      figures: { SSIM: '0.762', IS: '3.090', DS: '0.95' },
    },
    { ...{ ...fashion, system: 'real images' }, figures: { SSIM: '1', IS: '3.898', DS: '0.98' } },
    {
      ...{ system: 'this paper, a user’s run', year: 2018, source: 'pose-gan, issue 3' },
      figures: { SSIM: '0.754', IS: '3.29', 'mask-SSIM': '0.950', 'mask-IS': '3.55' },
      protocol: '256×256, pairs of that paper',
    },
    {
      ...{ system: 'this paper, rated by PATN', year: 2019, source: 'ADGAN, issue 13' },
      figures: { SSIM: '0.760', IS: '3.362' },
      protocol: 'PATN’s split and its SSIM',
    },
    {
      ...{ system: 'this paper, rated by ADGAN', year: 2020, source: 'ADGAN, issue 13' },
      figures: { SSIM: '0.770', IS: '3.265' },
      protocol: 'PATN’s split',
    },
    {
      ...{ system: 'PATN', year: 2019, source: 'ADGAN, issue 13; Pose-Transfer, issue 71' },
      figures: { SSIM: '0.773', IS: '3.209' },
      protocol: 'PATN’s split; SSIM with white padding of 40 px, about 0.6 without it',
    },
    {
      ...{
        system: 'GFLA',
        year: 2020,
        source: 'Global-Flow-Local-Attention, issues 42 and 70; dressing-in-order, issue 47',
      },
      figures: { SSIM: '0.65', FID: '10.57', LPIPS: '0.197' },
      protocol:
        '176×256 pixels; SSIM with a window of 51 (0.68 for SSIM_256, σ 1.5); FID 9.87 with its own resizing; LPIPS from a re-run',
    },
    {
      ...{ system: 'DPTN', year: 2022, source: 'Dual-task-Pose-Transformer-Network, issue 7' },
      figures: { FID: '11.4556' },
      protocol: 'not stated where it was read',
    },
    {
      ...{ system: 'PoCoLD', year: 2023, source: 'arXiv 2402.01516' },
      figures: { FID: '8.07' },
      protocol: 'not stated where it was read',
    },
    {
      ...{ system: 'PIDM', year: 2023, source: 'PIDM, issue 37' },
      figures: { FID: '6.94' },
      protocol: 'a user’s run',
    },
  ],
};

/** The published figures for images of a size, if any are known: 128×64 is that of Market-1501, 256×256 and 256×176 those of DeepFashion. */
export function publishedFor([height, width]: readonly [height: number, width: number]): PublishedTable | undefined {
  if (height === 128 && width === 64) return MARKET;
  return height === 256 && (width === 256 || width === 176) ? FASHION : undefined;
}
