export const HQ = `config interface 'hq'
	option proto 'l2tpsec'
	option server '198.51.100.2'
	option username 'branch'
	option password 'wonderland'
	option psk 'swordfish'
	list routes '192.168.20.0/24'
	list routes '10.8.0.0/16'
	option defaultroute '0'
`;

export const NETWORKS = ["192.168.20.0/24", "10.8.0.0/16"];
export const UPDATE = {
  action: 0,
  ifname: "l2tps-hq",
  "link-up": true,
  "address-external": true,
  keep: false,
  ipaddr: [{ ipaddr: "10.99.0.100", mask: "32", ptp: "10.99.0.1" }],
  routes: [
    { target: "192.168.20.0", netmask: "24" },
    { target: "10.8.0.0", netmask: "16" },
  ],
  dns: ["10.99.0.53"],
  data: { server: "198.51.100.2", mtu: 1400 },
  interface: "hq",
};
