# cloud-init's own CloudStack data source, asked in the guest in which this runs. Argument: the folder in which the package
# cloud-init is unpacked; it is not installed. Prints what the data source made of the router's answers, as JSON.
import json
import sys
import tempfile

sys.path.insert(0, sys.argv[1] + "/usr/lib/python3/dist-packages")

from cloudinit import helpers  # noqa: E402
from cloudinit.sources import DataSourceCloudStack as module  # noqa: E402

folder = tempfile.mkdtemp()
paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder})
# The machine's own leases are no concern of the guest's.
module.get_dhclient_d = lambda: None
source = module.DataSourceCloudStack({}, None, paths)
found = source._get_data()
userdata = source.get_userdata_raw()
print(
    json.dumps(
        {
            "found": found,
            "address": source.vr_addr,
            "userData": userdata.decode() if isinstance(userdata, bytes) else userdata,
            "metadata": source.metadata,
            "instanceId": source.get_instance_id(),
            "keys": source.get_public_ssh_keys(),
            "password": source.get_config_obj().get("password"),
        }
    )
)
