// Special functions by steps that every device takes alike: over vectors of f64 on the CPU, one f64 in a CUDA thread.
//
// No namespace and no include: this is included inside the namespace of an instruction set or a device, where
// HOTLOOP_SPECIAL says how a function is declared and these are found for its type V: abs, sqrt, exp, log, log1p, sin, cos,
// acos, erfc, trunc, floor, select<V>(condition, yes, no), any(condition), constant<V>(x), polynomial(t, c0, c1, ...) and
// lane_by_lane(a, b, f), f of each pair of doubles; of doubles Double::exp, log, log1p, expm1, pow, sqrt, lgamma, floor.
// HOTLOOP_SPECIAL_UNARY(name, value of a) and HOTLOOP_SPECIAL_BINARY(name, value of a, b and most) make the functions of rows.
//
// The polynomials are Chebyshev interpolations, as powers of t in [-1, 1] of the stretch named beside them; computed with 40
// digits, their error is below 1e-17 of the largest value.

// --- Bessel functions -----------------------------------------------------------------------------------

// Of the first kind, or of the second: a polynomial of x^2 up to 8, which with the second kind is what is left without the
// logarithm and the pole; then P cos - Q sin of a shifted angle (Hankel), P and Q x being polynomials of 1 / x^2.
template <int kOrder, bool kSecondKind, class V>
HOTLOOP_SPECIAL V bessel(V x) {
  constexpr double kTwoOverPi = 0.6366197723675814;
  const V a = abs(x);
  const auto near = a < 8.0, far = a >= 8.0;
  V y = x - x;  // NaN of NaN
  if (any(near)) {
    const V t = select<V>(near, V(a * a * (1. / 32) - 1.0), constant<V>(0));  // of x^2 in [0, 64]
    V value;
    if constexpr (kOrder == 0)
      value = polynomial(t, 0.04582966485981377, 0.9303012472958572, -0.6484692830871837, -0.8080888076696872,
                         1.0383794611437211, -0.5074680458471, 0.14598884856759264, -0.028472718610882047,
                         0.004058078989140991, -0.0004435459224311503, 3.8473197855944365e-05, -2.717749223632098e-06,
                         1.5956109104549218e-07, -7.91532308295207e-09, 3.3634475788173604e-10, -1.243301171273326e-11,
                         4.0037632815796753e-13);
    else
      value = a * polynomial(t, -0.05814382795599107, 0.08105866038589796, 0.15151665143806636, -0.2595948652859303,
                             0.15858376432721838, -0.05474581821284722, 0.012456814392263375, -0.0020290394945705996,
                             0.0002494945813597261, -2.404574865968694e-05, 1.8684526037206013e-06,
                             -1.196708186787801e-07, 6.431190177265836e-09, -2.943013798001659e-10,
                             1.1658972367678622e-11, -4.0045728425886457e-13);
    if constexpr (kSecondKind && kOrder == 0)
      value = log(a) * value * kTwoOverPi +
              polynomial(t, -0.382250654459425, -0.8284358903604587, 1.6470964788745466, 0.14412632369302475,
                         -1.0775477338215995, 0.6721770783431679, -0.21895747096171628, 0.046367047681375125,
                         -0.00702574105727097, 0.000806158605961636, -7.279541882454115e-05, 5.3213188103997145e-06,
                         -3.2185078445935923e-07, 1.6390875014077404e-08, -7.13046146536789e-10, 2.6926938054524057e-11,
                         -8.840112096073101e-13);
    if constexpr (kSecondKind && kOrder == 1)
      value =
          (log(a) * value - 1.0 / a) * kTwoOverPi +
          a * polynomial(t, 0.07075985882118005, -0.24337743079193114, 0.02336757172099348, 0.23507209206669755,
                         -0.19639839859930203, 0.07854786922242532, -0.01962875683311711, 0.0034224907399188495,
                         -0.0004438173434420147, 4.467433012646365e-05, -3.601000022590458e-06, 2.3804930420514178e-07,
                         -1.3153147367094951e-08, 6.169688029066965e-10, -2.499531546171249e-11, 8.760001143977853e-13);
    y = select<V>(near, value, y);
  }
  if (any(far)) {
    const V r = 8.0 / a, t = 2.0 * r * r - 1.0;  // of (8 / x)^2 in [0, 1]
    V p, q;
    if constexpr (kOrder == 0) {
      p = polynomial(t, 0.9994572757882519, -0.0005363673192129672, 6.137416080109497e-06, -2.0527448261170675e-07,
                     1.280376144080092e-08, -1.2121098178951377e-09, 1.5500565496632596e-10, -2.491146535471666e-11,
                     4.786995821368028e-12, -1.0157485021065676e-12, 2.4531772967345006e-13, -1.0251790052831013e-13,
                     3.339452259070809e-14);
      q = r * polynomial(t, -0.015555113879513518, 6.833149099343887e-05, -1.477138832650122e-06, 7.106214859523438e-08,
                         -5.668716046704292e-09, 6.432781585673823e-10, -9.4704131236215e-11, 1.7033142359521874e-11,
                         -3.5884013838881433e-12, 8.597568595721077e-13, -2.34205092942912e-13, 6.962833501774959e-14,
                         -1.642189437353317e-14, 4.687981531507901e-15, -5.071762053003792e-15, 2.1449029578293448e-15);
    } else {
      p = polynomial(t, 1.0009070262780821, 0.0008988049416705183, -7.9596946984383e-06, 2.453676633366693e-07,
                     -1.4708512991275258e-08, 1.3602969253877949e-09, -1.713107485294131e-10, 2.72345126828134e-11,
                     -5.191158004646548e-12, 1.0954826479277623e-12, -2.6335760672461096e-13, 1.0923713653079462e-13,
                     -3.5455617466606254e-14);
      q = r * polynomial(t, 0.04677687402744898, -9.621458822054632e-05, 1.8212018512314264e-06, -8.291960701313517e-08,
                         6.420132496338991e-09, -7.151113611051071e-10, 1.0395096687547827e-10, -1.8520736145988993e-11,
                         3.875456046538219e-12, -9.33138059712287e-13, 2.503410968458231e-13, -6.144675787095688e-14,
                         1.7495330566839966e-14, -1.3449019339973269e-14, 5.344527277743522e-15);
    }
    const V s = sin(a), c = cos(a);  // of the angle less (order / 2 + 1 / 4) pi, times the root of 2:
    const V cosine = kOrder == 0 ? V(c + s) : V(s - c), sine = kOrder == 0 ? V(s - c) : V(-s - c);
    const V wave = kSecondKind ? V(p * sine + q * cosine) : V(p * cosine - q * sine);
    y = select<V>(far, wave * (0.5641895835477563 / sqrt(a)), y);  // 1 / sqrt(pi)
  }
  if constexpr (kSecondKind) {
    y = select<V>(x == 0.0, constant<V>(-__builtin_inf()), y);
    return select<V>(x < 0.0, constant<V>(__builtin_nan("")), y);
  }
  return kOrder == 1 ? select<V>(x < 0.0, V(-y), y) : y;
}

// e^-|x| times the modified Bessel function of the first kind.
template <int kOrder, class V>
HOTLOOP_SPECIAL V scaled_bessel_i(V x) {
  const V a = abs(x);
  const auto near = a < 8.0, far = a >= 8.0;
  V y = x - x;
  if (any(near)) {
    const V t = select<V>(near, V(a * 0.25 - 1.0), constant<V>(0));  // of x in [0, 8]
    if constexpr (kOrder == 0)
      y = select<V>(
          near,
          polynomial(t, 0.2070019212239867, -0.11300432688620549, 0.09451562853995103, -0.08904344136075962,
                     0.08734341617552313, -0.08496338091616305, 0.07927522590716347, -0.06954119561719381,
                     0.05677703201991695, -0.04298594945479612, 0.030177912022978357, -0.01968265469059234,
                     0.011960077907026221, -0.0067923998730731695, 0.003617126448897043, -0.001811886793937724,
                     0.0008563152748272306, -0.00038290209550065975, 0.00016240542162878106, -6.550861389620851e-05,
                     2.520232727107692e-05, -9.251680584432654e-06, 3.2293390826404927e-06, -1.0883393970072518e-06,
                     3.675842926555429e-07, -1.1384114641747256e-07, 2.6265363151970112e-08, -7.723094556846333e-09,
                     4.470516727511741e-09, -1.1852342482684723e-09),
          y);
    else
      y = select<V>(
          near,
          V(a * polynomial(t, 0.044687709875608835, -0.061124338029666284, 0.0680575999095116, -0.06848260620582691,
                           0.06376740371340721, -0.055280039226991644, 0.04467457262125467, -0.03367135552108536,
                           0.023686016957729535, -0.015571309243980052, 0.009583962150731578, -0.005534567847563678,
                           0.0030057624197775295, -0.00153887456203039, 0.0007445123445061157, -0.0003411760289073331,
                           0.0001484212433475852, -6.142360299099794e-05, 2.4233753149624307e-05,
                           -9.136543922789093e-06, 3.293899139003749e-06, -1.1327072698408053e-06,
                           3.759367306404118e-07, -1.2424759932738304e-07, 3.802984785138283e-08,
                           -8.984420960424589e-09, 2.603206542331157e-09, -1.41695079121077e-09,
                           3.7284532079392345e-10)),
          y);
  }
  if (any(far)) {
    const V t = 16.0 / a - 1.0;  // of 8 / x in [0, 1]
    if constexpr (kOrder == 0)
      y = select<V>(
          far,
          V(polynomial(t, 0.4021765094450081, 0.0033605519836678614, 0.0001362160743919305, 1.1143033790932038e-05,
                       1.4838475658279249e-06, 2.9735985885673923e-07, 8.872219737904054e-08, 3.932584334552952e-08,
                       2.1548377974791598e-08, 7.554691881248808e-09, -6.747657956107524e-09, -1.340891754008974e-08,
                       -5.404771567579958e-09, 7.552583062123384e-09, 7.430464650325426e-09, -3.5059665308793316e-09,
                       -5.953569438264892e-09, 1.5200816953924227e-09, 3.6379546359011156e-09, -5.715843864202707e-10,
                       -1.6189806836246825e-09, 1.5279202694981558e-10, 4.577087631643626e-10, -2.026060428741361e-11,
                       -6.067631570603011e-11) /
            sqrt(a)),
          y);
    else
      y = select<V>(
          far,
          V(polynomial(t, 0.38939845902587233, -0.009749577193235737, -0.00021923576383388928, -1.5038547200567216e-05,
                       -1.8349101326980946e-06, -3.483855761044295e-07, -1.0001288294864884e-07, -4.312917729178349e-08,
                       -2.337392820814264e-08, -8.427766093735185e-09, 6.734464815301592e-09, 1.4034238782067183e-08,
                       5.974437608040264e-09, -7.64239413436356e-09, -7.888351507862078e-09, 3.4262341490077958e-09,
                       6.242741219786446e-09, -1.4387250533041011e-09, -3.794670896208341e-09, 5.295625441161259e-10,
                       1.6848984479705154e-09, -1.4011625179770617e-10, -4.758818838703856e-10, 1.851511882885294e-11,
                       6.305965197150062e-11) /
            sqrt(a)),
          y);
  }
  return kOrder == 1 ? select<V>(x < 0.0, V(-y), y) : y;
}

// The modified Bessel function of the second kind, times e^x where scaled.
template <int kOrder, bool kScaled, class V>
HOTLOOP_SPECIAL V bessel_k(V x) {
  const auto near = x <= 2.0, far = x > 2.0;
  V y = x - x;
  if (any(near)) {
    const V t = select<V>(near, V(x * x * 0.5 - 1.0), constant<V>(0));  // of x^2 in [0, 4]
    const V logarithm = log(V(x * 0.5));
    V value;
    if constexpr (kOrder == 0)
      value =
          polynomial(t, -0.30362077291575545, 0.3404973210133806, 0.07177701034240509, 0.005053392643196092,
                     0.0001828055582791554, 4.054506619949891e-06, 6.093361894172114e-08, 6.623013272794453e-10,
                     5.452564662772586e-12, 3.518631515854722e-14) -
          logarithm * polynomial(t, 1.5660829297563506, 0.6358617281560686, 0.07358986836105334, 0.0039285651056368085,
                                 0.0001198206858163441, 2.3575789878938216e-06, 3.236227352376538e-08,
                                 3.27324784353647e-10, 2.5398791970311194e-12, 1.5591722255510926e-14);
    else
      value =
          x * polynomial(t, -0.057455856135205326, -0.10866462148495122, -0.013254642948920608, -0.0006724746609653153,
                         -1.910976234234459e-05, -3.4958297951001923e-07, -4.473708980740444e-09,
                         -4.2354774875777465e-11, -3.0892180791024413e-13, -1.7896636751980973e-15) +
          1.0 / x +
          logarithm * x *
              polynomial(t, 0.6358617281560686, 0.14717973672210669, 0.011785695316910426, 0.00047928274326549763,
                         1.1787894939469932e-05, 1.9417364085156806e-07, 2.291273488938041e-09, 2.031922759238477e-11,
                         1.4032637886429537e-13);
    y = select<V>(near, kScaled ? V(value * exp(x)) : value, y);
  }
  if (any(far)) {
    const V t = 4.0 / x - 1.0;  // of 2 / x in [0, 1]
    V value;
    if constexpr (kOrder == 0)
      value = polynomial(t, 1.2185953385133905, -0.03107146182488952, 0.0030328918102753206, -0.0004797690567662314,
                         9.95605474202942e-05, -2.4735204561466906e-05, 7.002245645755651e-06, -2.191177788015528e-06,
                         7.427801232190096e-07, -2.6890662472901614e-07, 1.02954317593912e-07, -4.133923052104385e-08,
                         1.7047535884249698e-08, -7.286380907337665e-09, 3.808399859919043e-09, -1.9309444875845705e-09,
                         4.757544705776374e-11, 1.7887095838476482e-10, 8.133913205464114e-10, -5.541051446065683e-10,
                         -3.119936129682105e-10, 2.213758097591008e-10, 1.0926983537268735e-10, -6.910453875670571e-11);
    else
      value =
          polynomial(t, 1.363151890371342, 0.10334973775386523, -0.005566729880074588, 0.0007357241549081501,
                     -0.00013959021956272223, 3.284386555825453e-05, -8.961207387750025e-06, 2.730041433569803e-06,
                     -9.067087633371393e-07, 3.2298119177151824e-07, -1.2203186351938403e-07, 4.8461952200091865e-08,
                     -1.9817577141591116e-08, 8.40938756536177e-09, -4.331939985658629e-09, 2.1757782025837176e-09,
                     -8.336227195991456e-11, -1.7982138496175016e-10, -8.908596710923906e-10, 6.042482293782838e-10,
                     3.3867804167808003e-10, -2.399376595899464e-10, -1.1931668393112158e-10, 7.52479548635394e-11);
    value = value / sqrt(x);
    y = select<V>(far, kScaled ? value : V(value * exp(V(-x))), y);
  }
  y = select<V>(x == 0.0, constant<V>(__builtin_inf()), y);
  return select<V>(x < 0.0, constant<V>(__builtin_nan("")), y);
}

// sin(x) / x
template <class V>
HOTLOOP_SPECIAL V spherical_bessel_j(V x) {
  const V z = x * x;
  const V near = polynomial(z, 1, -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800.);
  const V y = select<V>(abs(x) < 0.5, near, V(sin(x) / x));
  return select<V>(abs(x) == __builtin_inf(), constant<V>(0), y);
}

// Airy's function: a polynomial of x in the middle, e^-z times one of 1 / z on the right, and on the left a wave as above, all
// with z = 2 / 3 |x|^(3/2).
template <class V>
HOTLOOP_SPECIAL V airy(V x) {
  constexpr double kLow = -4.5, kHigh = 3, kTwiceRootPi = 3.5449077018110318;
  constexpr double kRight = 3.4641016151377544, kLeft = 6.363961030678928;  // z where the sides begin
  const auto right = x > kHigh, left = x < kLow;
  const auto middle = (x >= kLow) & (x <= kHigh);
  V y = x - x;
  if (any(middle)) {
    const V t = select<V>(middle, V((x + 0.75) * (1 / 3.75)), constant<V>(0));
    y = select<V>(
        middle,
        polynomial(t, 0.5177725751515836, -0.4724645525173282, -2.7304413142759296, 5.381239620015084,
                   0.3235416958206928, -10.037168889993465, 9.345465142119552, 2.926727017913826, -11.211951443794037,
                   6.416103324048367, 3.0287796714931443, -5.990228105226819, 2.3212502923676537, 1.4288396736773752,
                   -1.8701806370400025, 0.5111423651064821, 0.3961398038627832, -0.38240366028539063,
                   0.0744334332746508, 0.07287565353405223, -0.05513295425333076, 0.007514877995728905,
                   0.009575196966260044, -0.005901108923035722, 0.0005374917213066936, 0.0009435080427975248,
                   -0.0004902701733707715, 2.7959907424335638e-05, 7.494479357802829e-05, -3.348527789727399e-05,
                   -5.624823066506064e-07, 5.3018054123088e-06, -1.235571371122748e-06, -3.206718624064691e-07,
                   1.302258532317254e-07),
        y);
  }
  const V a = abs(x), root = sqrt(a), z = a * root * (2. / 3), fourth = sqrt(root);
  if (any(right)) {
    const V t = 2 * kRight / z - 1.0;
    y = select<V>(
        right,
        V(polynomial(t, 0.990655538516276, -0.008744573713376872, 0.0005332340537018884, -5.6602741564722787e-05,
                     8.193043543370794e-06, -1.4593784834842726e-06, 3.0262781118757307e-07, -7.059864132257924e-08,
                     1.8107465041099346e-08, -5.0248975401960824e-09, 1.490251609418448e-09, -4.644240281091561e-10,
                     1.5236381352902897e-10, -5.769942106069753e-11, 2.1576750993590268e-11, -3.301948650447137e-12,
                     7.774021988792225e-13, -2.6558194824670054e-12, 1.187774257222155e-12) *
          exp(V(-z)) / (kTwiceRootPi * fourth)),
        y);
  }
  if (any(left)) {
    const V r = kLeft / z, t = 2.0 * r * r - 1.0;
    const V p =
        polynomial(t, 0.9995498592095998, -0.0004422828919437304, 7.4608569012585494e-06, -3.6067627757598004e-07,
                   3.146375193624627e-08, -4.034669889240526e-09, 6.793672112780603e-10, -1.4005476199135244e-10,
                   3.377254474694935e-11, -9.463537015251007e-12, 2.9362829839238722e-12, -6.866995226273565e-13,
                   1.9411792666369182e-13, -2.6143482454743147e-13, 1.191770632894893e-13);
    const V q =
        r * polynomial(t, -0.010840994514611799, 6.878477110922989e-05, -2.1917137760349538e-06, 1.5086014102366668e-07,
                       -1.6649748032268808e-08, 2.5342054862863173e-09, -4.870650793291311e-10, 1.1174368343711577e-10,
                       -2.946026972525782e-11, 8.707918428353385e-12, -2.826904508293686e-12, 9.440129381982293e-13,
                       -3.3654912398472053e-13, 2.0138923113790693e-13, -1.0027430400046021e-13, -1.850152876055114e-14,
                       1.7404110063295222e-14, 2.275934319287762e-14, -1.3044501112132046e-14);
    const V s = sin(z), c = cos(z);  // of z - pi / 4, times the root of 2: c + s and s - c
    y = select<V>(left, V((p * (c + s) - q * (s - c)) * 0.7071067811865476 * 2.0 / (kTwiceRootPi * fourth)), y);
  }
  return y;
}

// --- error functions --------------------------------------------------------------------------------------

// e^(x^2) erfc(x): (1 + 2 x) times it is smooth in (x - 3.75) / (x + 3.75) on the whole right side.
template <class V>
HOTLOOP_SPECIAL V scaled_erfc_of(V x) {
  const V a = abs(x), bounded = select<V>(a > 1e300, constant<V>(1e300), a);
  const V t = (bounded - 3.75) / (bounded + 3.75);
  const V right =
      polynomial(t, 1.2375126308378275, -0.14024059858554697, 0.0035854154854644293, 0.0822767384901452,
                 -0.10880393014174886, 0.09230432116037748, -0.05869339858963677, 0.028362277418956406,
                 -0.009746579558029276, 0.0017556258528952954, 0.0002937136655913448, -0.0002901540805408417,
                 5.164909889268241e-05, 2.238423915508223e-05, -1.1444146237700524e-05, -9.73559896736775e-07,
                 1.751637648849062e-06, -5.7218230603224086e-08, -2.5866850716155884e-07, 2.3263508708859124e-08,
                 3.8675334242222354e-08, -3.744210080962018e-09, -5.1739902140113095e-09, 3.1114333809799254e-10,
                 4.2514714447963895e-10) /
      (1.0 + 2.0 * a);
  const auto negative = x < 0.0;
  if (!any(negative)) return right;
  return select<V>(negative, V(2.0 * exp(V(x * x)) - right), right);
}

// The log of the normal distribution's area below x.
template <class V>
HOTLOOP_SPECIAL V log_normal_area(V x) {
  constexpr double kRootHalf = 0.7071067811865476;
  const auto tail = x < -1.0;
  V y = log1p(V(-0.5 * erfc(V(x * kRootHalf))));
  if (any(tail)) y = select<V>(tail, V(log(V(0.5 * scaled_erfc_of(V(x * -kRootHalf)))) - 0.5 * x * x), y);
  return y;
}

// --- zeta and incomplete gamma functions, lane by lane ----------------------------------------------------------

// The sum over k >= 0 of (x + k)^-s, s > 1: the first terms, then Euler and Maclaurin's integral of the rest.
HOTLOOP_SPECIAL double hurwitz_zeta(double s, double x) {
  if (s == 1) return __builtin_inf();
  if (!(s > 1) || x != x) return __builtin_nan("");
  if (x <= 0 && Double::floor(x) == x) return __builtin_inf();
  if (x <= 0 && (Double::floor(s) != s || x < -1e6)) return __builtin_nan("");  // no real power, or too many terms
  if (x > 1e300) return 0;
  double sum = 0;
  for (; x < 12 + s; x += 1) {
    const double term = Double::pow(x, -s);
    sum += term;
    if (x > 0 && term <= sum * 1e-17) return sum;
  }
  const double power = Double::pow(x, -s);
  sum += power * (x / (s - 1) + 0.5);
  // B_2j / (2j)!
  const double terms[] = {1. / 12,           -1. / 720,
                          1. / 30240,        -1. / 1209600,
                          1. / 47900160,     -691. / 1307674368000.,
                          1. / 74724249600., -3617. / 10670622842880000.};
  double factor = power * s / x;
  for (int j = 0; j < 8; ++j) {
    sum += factor * terms[j];
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (x * x);
  }
  return sum;
}

// x^a e^-x / Gamma(a + 1). Where a is large, by Stirling's formula, whose exponent is small near x = a.
HOTLOOP_SPECIAL double gamma_density(double a, double x) {
  if (a < 16) return Double::exp(a * Double::log(x) - x - Double::lgamma(a + 1));
  const double off = (x - a) / a, r = 1 / (a * a);
  const double rest =
      ((((-691. / 360360 * r + 1. / 1188) * r - 1. / 1680) * r + 1. / 1260) * r - 1. / 360) * r + 1. / 12;
  return Double::exp(a * (Double::log1p(off) - off) - rest / a) / Double::sqrt(6.283185307179586 * a);
}

constexpr int kMostGammaTerms = 100000;

// Below x: the density times the sum of x^k / ((a + 1) ... (a + k)).
HOTLOOP_SPECIAL double gamma_series(double a, double x) {
  double term = 1, sum = 1;
  for (int k = 1; k < kMostGammaTerms && term > sum * 1e-17; ++k) sum += term *= x / (a + k);
  return gamma_density(a, x) * sum;
}

// Above x, which is more than 1 and a: the density times a continued fraction, by Lentz's steps.
HOTLOOP_SPECIAL double gamma_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, value = d;
  for (int k = 1; k < kMostGammaTerms; ++k) {
    const double numerator = k * (a - k);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const double factor = c * d;
    value *= factor;
    if (factor - 1 < 1e-16 && factor - 1 > -1e-16) break;
  }
  return gamma_density(a, x) * a * value;
}

// Above a small x: 1 - x^a / Gamma(a + 1) and what the series of e^-t adds to it.
HOTLOOP_SPECIAL double gamma_small(double a, double x) {
  double term = 1, sum = 0;
  for (int k = 1; k < 100; ++k) {
    term *= -x / k;
    sum += term / (a + k);
    if (term < 1e-18 && term > -1e-18) break;
  }
  const double logarithm = a * Double::log(x) - Double::lgamma(a + 1);
  return -Double::expm1(logarithm) - Double::exp(logarithm) * a * sum;
}

// The regularised incomplete gamma function from 0 to x, or (upper) from x on.
HOTLOOP_SPECIAL double incomplete_gamma(double a, double x, bool upper) {
  if (!(a >= 0) || !(x >= 0)) return __builtin_nan("");
  const double inf = __builtin_inf();
  if (a == 0) return x > 0 ? (upper ? 0 : 1) : __builtin_nan("");
  if (x == 0) return upper ? 1 : 0;
  if (a == inf) return x == inf ? __builtin_nan("") : upper ? 1 : 0;
  if (x == inf) return upper ? 0 : 1;
  if (x > 1.1 && x > a) {
    const double above = gamma_fraction(a, x);
    return upper ? above : 1 - above;
  }
  if (!upper) return gamma_series(a, x);
  if (x > 1.1) return 1 - gamma_series(a, x);
  const bool most_is_below = x <= 0.5 ? a < -0.4 / Double::log(x) : a < 1.1 * x;
  return most_is_below ? gamma_small(a, x) : 1 - gamma_series(a, x);
}

template <class V>
HOTLOOP_SPECIAL V zeta_of(V s, V x) {
  return lane_by_lane(s, x, [](double b, double c) { return hurwitz_zeta(b, c); });
}
template <bool kUpper, class V>
HOTLOOP_SPECIAL V incomplete_gamma_of(V a, V x) {
  return lane_by_lane(a, x, [](double b, double c) { return incomplete_gamma(b, c, kUpper); });
}

// --- orthogonal polynomials of degree n, a whole number towards zero; 0 of negative degrees ---------------------

// By r = next(k, q, p), of degree k + 1, from those of degrees k and k - 1, in lanes whose n is more than k.
template <class V, class F>
HOTLOOP_SPECIAL V by_recurrence(V n, V first, F next) {
  V p = constant<V>(1), q = first;
  for (double k = 1; any(n > k); k += 1) {
    const auto on = n > k;
    const V r = next(k, q, p);
    p = select<V>(on, q, p);
    q = select<V>(on, r, q);
  }
  const V y = select<V>(n >= 1.0, q, constant<V>(1));
  return select<V>(n >= 0.0, y, constant<V>(0));
}

// Chebyshev's, of the kinds T, U, V and W: with x = cos(h), cos(n h), sin((n + 1) h) / sin(h), cos((n + 1/2) h) / cos(h / 2),
// sin((n + 1/2) h) / sin(h / 2). These are taken for higher degrees, but at 1 and -1.
template <char kKind, class V>
HOTLOOP_SPECIAL V chebyshev(V x, V degree) {
  const V n = trunc(degree), a = abs(x);
  const V twice = x + x;
  const V first = kKind == 'T' ? x : kKind == 'U' ? twice : kKind == 'V' ? V(twice - 1.0) : V(twice + 1.0);
  const auto inside = (a < 1.0) & (n > 8.0);
  const auto end = a == 1.0;
  const V steps = select<V>(inside | end, constant<V>(0), n);
  V y = by_recurrence(steps, first, [&](double, V q, V p) { return V(twice * q - p); });
  y = select<V>(n >= 0.0, select<V>((n >= 1.0) & (steps < 1.0), first, y), constant<V>(0));
  if (any(inside)) {
    const V h = acos(x);
    V value;
    if constexpr (kKind == 'T') value = cos(V(n * h));
    if constexpr (kKind == 'U') value = sin(V((n + 1.0) * h)) / sin(h);
    if constexpr (kKind == 'V') value = cos(V((n + 0.5) * h)) / cos(V(h * 0.5));
    if constexpr (kKind == 'W') value = sin(V((n + 0.5) * h)) / sin(V(h * 0.5));
    y = select<V>(inside, value, y);
  }
  if (any(end)) {
    const V sign = 1.0 - 2.0 * (n - 2.0 * floor(V(n * 0.5)));  // (-1)^n
    const V one = constant<V>(1), odd = n + n + 1.0;
    const V above = kKind == 'U' ? V(n + 1.0) : kKind == 'W' ? odd : one;
    const V below = sign * (kKind == 'U' ? V(n + 1.0) : kKind == 'V' ? odd : one);
    y = select<V>(end & (n >= 0.0), select<V>(x > 0.0, above, below), y);
  }
  return y;
}

// Hermite's: of the physicists (scale 2) and of probability theory (1). NaN beyond the degree `most`, as in PyTorch.
template <class V>
HOTLOOP_SPECIAL V hermite(V x, V degree, double scale, V most) {
  const V n = trunc(degree), bounded = select<V>(n > most, constant<V>(0), n);
  const V y = by_recurrence(bounded, V(x * scale), [&](double k, V q, V p) { return V((x * q - k * p) * scale); });
  return select<V>(n > most, constant<V>(__builtin_nan("")), y);
}

template <class V>
HOTLOOP_SPECIAL V laguerre(V x, V degree) {
  const V first = 1.0 - x;
  return by_recurrence(trunc(degree), first,
                       [&](double k, V q, V p) { return V(((first + 2 * k) * q - k * p) / (k + 1)); });
}

template <class V>
HOTLOOP_SPECIAL V legendre(V x, V degree) {
  return by_recurrence(trunc(degree), x,
                       [&](double k, V q, V p) { return V(((2 * k + 1) * x * q - k * p) / (k + 1)); });
}

// --- the functions that rows of pointwise.def call --------------------------------------------------------------

HOTLOOP_SPECIAL_UNARY(bessel_j0, (bessel<0, false>(a)))
HOTLOOP_SPECIAL_UNARY(bessel_j1, (bessel<1, false>(a)))
HOTLOOP_SPECIAL_UNARY(bessel_y0, (bessel<0, true>(a)))
HOTLOOP_SPECIAL_UNARY(bessel_y1, (bessel<1, true>(a)))
HOTLOOP_SPECIAL_UNARY(i0e, scaled_bessel_i<0>(a))
HOTLOOP_SPECIAL_UNARY(i1e, scaled_bessel_i<1>(a))
HOTLOOP_SPECIAL_UNARY(modified_bessel_k0, (bessel_k<0, false>(a)))
HOTLOOP_SPECIAL_UNARY(modified_bessel_k1, (bessel_k<1, false>(a)))
HOTLOOP_SPECIAL_UNARY(scaled_modified_bessel_k0, (bessel_k<0, true>(a)))
HOTLOOP_SPECIAL_UNARY(scaled_modified_bessel_k1, (bessel_k<1, true>(a)))
HOTLOOP_SPECIAL_UNARY(spherical_bessel_j0, spherical_bessel_j(a))
HOTLOOP_SPECIAL_UNARY(airy_ai, airy(a))
HOTLOOP_SPECIAL_UNARY(erfcx, scaled_erfc_of(a))
HOTLOOP_SPECIAL_UNARY(log_ndtr, log_normal_area(a))
HOTLOOP_SPECIAL_BINARY(zeta, zeta_of(a, b))
HOTLOOP_SPECIAL_BINARY(igamma, incomplete_gamma_of<false>(a, b))
HOTLOOP_SPECIAL_BINARY(igammac, incomplete_gamma_of<true>(a, b))
HOTLOOP_SPECIAL_BINARY(chebyshev_t, chebyshev<'T'>(a, b))
HOTLOOP_SPECIAL_BINARY(chebyshev_u, chebyshev<'U'>(a, b))
HOTLOOP_SPECIAL_BINARY(chebyshev_v, chebyshev<'V'>(a, b))
HOTLOOP_SPECIAL_BINARY(chebyshev_w, chebyshev<'W'>(a, b))
HOTLOOP_SPECIAL_BINARY(hermite_h, hermite(a, b, 2, most))
HOTLOOP_SPECIAL_BINARY(hermite_he, hermite(a, b, 1, most))
HOTLOOP_SPECIAL_BINARY(laguerre_l, laguerre(a, b))
HOTLOOP_SPECIAL_BINARY(legendre_p, legendre(a, b))
