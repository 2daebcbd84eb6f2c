/** The joint names of a layout's keypoints, in its order. A name is empty if no skeleton of ours has the joint. */
export type Layout = readonly string[];

const both = (...names: string[]) => names.flatMap((name) => [`left_${name}`, `right_${name}`]);
const arm = (side: string) => [`${side}_shoulder`, `${side}_elbow`, `${side}_wrist`];
const leg = (side: string) => [`${side}_hip`, `${side}_knee`, `${side}_ankle`];
const nothing = (count: number) => new Array<string>(count).fill('');

const HEAD = ['right_eye', 'left_eye', 'right_ear', 'left_ear'];
/** The layout of OpenPose's COCO model, which has the order of the person's skeleton. */
const OPENPOSE_18 = ['nose', 'neck', ...arm('right'), ...arm('left'), ...leg('right'), ...leg('left'), ...HEAD];
/** The layout of OpenPose's BODY_25, with a point between the hips, and six points of the feet at the end. */
const BODY_25 = [
  ...['nose', 'neck', ...arm('right'), ...arm('left'), '', ...leg('right'), ...leg('left')],
  ...[...HEAD, ...nothing(6)],
];
const COCO_17 = ['nose', ...both('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')];
/** COCO's keypoints, the top of the head and the neck, then the hip and six points of the feet. */
const HALPE_26 = [...COCO_17, '', 'neck', ...nothing(7)];

/** Layouts by their number of keypoints. The largest have the body of a smaller layout, followed by feet, face and hands. */
const LAYOUTS: Readonly<Record<number, Layout>> = {
  ...{ 17: COCO_17, 18: OPENPOSE_18, 25: BODY_25, 26: HALPE_26 },
  ...{ 133: [...COCO_17, ...nothing(116)], 136: [...HALPE_26, ...nothing(110)] },
};

/** The layout with this number of keypoints, if one is known. */
export const layoutOf = (count: number): Layout | undefined => LAYOUTS[count];

/** The layouts that can be read, for help and errors. */
export const READABLE =
  'the keypoints of OpenPose (18 or 25), of COCO (17, or 133 of WholeBody) and of Halpe (26 or 136), and keypoints with names';
