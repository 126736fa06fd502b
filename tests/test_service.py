# SPDX-License-Identifier: MIT
import unittest
from harness import main
from machine import MachineCase
class A(MachineCase):
    def test_a(self):
        m = self.machine
        m.systemctl("enable", "--now", "portlogd", check=False)
        print(m.run("sh", "-c", "systemctl status portlogd; journalctl -u portlogd; ls -ld /var/log/portlog; id portlog", check=False).stdout)
        c = self.tcp(8888); c.sendall(b"hello\n"); c.close()
        print(m.messages("-u", "portlogd"))
if __name__ == "__main__":
    main()
