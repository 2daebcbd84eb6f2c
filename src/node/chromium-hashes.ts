/** The version of `@sparticuz/chromium` with these files. It is also the version in `package.json`. */
export const VERSION = '143.0.4';

/** The SHA-256 of every file in the package's archives. */
export const ARCHIVES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'swiftshader.tar.br': {
    'libEGL.so': '5c9f7d71a58b0cf0fb1a5583bd56089381da73c174253b7434cd60aceabde50b',
    'libGLESv2.so': '64509369b7e4d31fc412776e2be6a604ea994506e7f59106dcda7ca0fc5407dd',
    'libvk_swiftshader.so': '55571f337145a70e32bb64f07ceb413796cc7e9dc1ecac2144728777faf75c8c',
    'libvulkan.so.1': '858e4d3fd0fc5d1409f9c9c076e7611c0967459bab153c5cb4ec81124a24e53c',
    'vk_swiftshader_icd.json': 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd',
  },
  'chromium.br': {
    chromium: '52bfc7e573cc3d0f1647ef4c10e646c47ae7bf5f9a7e8c0f7832abd961fb5c0c',
  },
  'al2023.tar.br': {
    'lib/libexpat.so.1': 'f5d2a5548685b01339172be830474e465077f6ebf922cd60982d1f9bff502bf2',
    'lib/libfreebl3.so': '1007112117baaee58ebf2f0b361bd1ed9e434d458117028ed01b17a6ca24d0e6',
    'lib/libfreeblpriv3.so': '67bff729addafde4b3c904716fccca876fc5637e8c475caca00ad60a08cc2313',
    'lib/libnspr4.so': 'b7ddec11e9e21e4025c0b911b55e880afbb04d12a00f1f3736245ce85f62827f',
    'lib/libnss3.so': '1719436d5424fd9b2dece28435621198cca05d0ecc5539f443f090d411a460c0',
    'lib/libnssutil3.so': 'c2a72f8ebdf5629c7bde24db372bee5dcdd074a32cae3910ac4a2a85fd5485a4',
    'lib/libplc4.so': '5ecfb0db51ce18c5ec6b187c3ccda03c467b2dfdaa939fe579f8a54531b9519f',
    'lib/libplds4.so': '05eb3c4b52b5706a8c5535cc4fa39aaa9d26e02ecb9340b03d841bf038b73e21',
    'lib/libsoftokn3.so': 'd410831e2062ef05e6d5efdc69e159ace89d2f41670e0a859ea294d6f06c82de',
    'lib/libfreebl3.chk': '80a329bfb6616c408bb70a17710cd6a512100a6bb5f902abb6f5f988698e5a37',
    'lib/libfreeblpriv3.chk': '3c153b3932171c30c40d50d1d613f5a39b685289a750df25fb6989440001cb32',
    'lib/libsoftokn3.chk': 'dc9160cb612d48e4c3a3209341db43ff27c8c3110bac26344f0bb8fb182ad6d6',
  },
  'fonts.tar.br': {
    'fonts.conf': '83ead336fc0b198e555349dd6ee0faa5565aee3d9c3d5f426942a1579dbcdf79',
    'fonts/Open_Sans/OpenSans-Bold.ttf': '27da758f4dcac9a65abe914c13b463b42982b9909bc65713424099f4810bd1e6',
    'fonts/Open_Sans/OpenSans-Italic.ttf': '93bc1bb6abf4e6b7c75d7131714061d5b57cc478abcabe4cb3519bb38fb917aa',
    'fonts/Open_Sans/OpenSans-Regular.ttf': 'c53aceea2dcf5b4098099c0c4d0a061d17e178a049317b42a422b1a9f7f8eb59',
  },
};
