/* Every flat function by its names in C and in JavaScript, with the number of its arguments. */
#ifndef TT_FUNCTIONS_H
#define TT_FUNCTIONS_H

#define TT_FUNCTIONS(F) \
	F(TunOpen, tunOpen, 2) \
	F(UdpOpen, udpOpen, 4) \
	F(RawOpen, rawOpen, 3) \
	F(NetlinkOpen, netlinkOpen, 2) \
	F(SocketPort, socketPort, 1) \
	F(Close, close, 1) \
	F(Watch, watch, 2) \
	F(Unwatch, unwatch, 1) \
	F(ReadTun, readTun, 2) \
	F(ReadUdp, readUdp, 2) \
	F(ReadRaw, readRaw, 2) \
	F(WriteTun, writeTun, 5) \
	F(WriteUdp, writeUdp, 5) \
	F(WriteRaw, writeRaw, 5) \
	F(Send, send, 2) \
	F(Recv, recv, 2) \
	F(Getsockopt, getsockopt, 4) \
	F(Setsockopt, setsockopt, 4) \
	F(Ioctl, ioctl, 3) \
	F(ProbePath, probePath, 2) \
	F(NoDumps, noDumps, 0) \
	F(LockOpen, lockOpen, 3) \
	F(SerialOpen, serialOpen, 4) \
	F(SerialRead, serialRead, 2) \
	F(SerialWrite, serialWrite, 3) \
	F(SerialLines, serialLines, 1) \
	F(SerialSet, serialSet, 3) \
	F(SerialQueued, serialQueued, 1) \
	F(UdpConnect, udpConnect, 3) \
	F(UdpRecv, udpRecv, 3) \
	F(L2tpOpen, l2tpOpen, 7) \
	F(PppChannel, pppChannel, 1) \
	F(PppOpen, pppOpen, 0) \
	F(PppRead, pppRead, 2) \
	F(PppWrite, pppWrite, 2) \
	F(CryptoRandom, cryptoRandom, 1) \
	F(CryptoHash, cryptoHash, 5) \
	F(CryptoCbc, cryptoCbc, 6) \
	F(CryptoAead, cryptoAead, 7) \
	F(CryptoDhNew, cryptoDhNew, 3) \
	F(CryptoDhShared, cryptoDhShared, 4) \
	F(ZNew, zNew, 2) \
	F(ZClose, zClose, 1) \
	F(ZReset, zReset, 1) \
	F(ZRun, zRun, 3) \
	F(ZTake, zTake, 2) \
	F(TlsNew, tlsNew, 5) \
	F(TlsClose, tlsClose, 1) \
	F(TlsStep, tlsStep, 2) \
	F(TlsOutput, tlsOutput, 2) \
	F(TlsWhy, tlsWhy, 2) \
	F(TlsVersion, tlsVersion, 1) \
	F(TlsExport, tlsExport, 4) \
	F(FpNew, fpNew, 0) \
	F(FpClose, fpClose, 1) \
	F(FpFlow, fpFlow, 7) \
	F(FpRemoveFlow, fpRemoveFlow, 2) \
	F(FpAddSa, fpAddSa, 11) \
	F(FpSetFlowSa, fpSetFlowSa, 3) \
	F(FpRemoveSa, fpRemoveSa, 2) \
	F(FpSaCounters, fpSaCounters, 3) \
	F(FpCall, fpCall, 4) \
	F(FpRemoveCall, fpRemoveCall, 2) \
	F(FpCallCounters, fpCallCounters, 3) \
	F(FpRoute, fpRoute, 5) \
	F(FpTx, fpTx, 4) \
	F(FpTxFrames, fpTxFrames, 4) \
	F(FpTxControl, fpTxControl, 6) \
	F(FpRx, fpRx, 4) \
	F(FpMapping, fpMapping, 3) \
	F(FpNextMapping, fpNextMapping, 1) \
	F(FpNextUnknownSpi, fpNextUnknownSpi, 2) \
	F(FpDrops, fpDrops, 2)

struct tt_args;
#define TT_DECLARE(f, name, argc) double f(struct tt_args *a);
TT_FUNCTIONS(TT_DECLARE)
#undef TT_DECLARE

#endif
