# SPDX-License-Identifier: Apache-2.0
"""Clouds, object stores and backup: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "aws-cli",
        "aws awslocal aws2 saml2aws aws-vault eksctl eb ecs-cli copilot sam",
        ("configure set SECRET_NAME X", "--secret-string X", "ssm put-parameter --value X"),
        "aws help, aws secretsmanager create-secret help",
        plain="--starting-token --next-token --client-token --client-request-token"
        " --idempotency-token --page-token --secret-id --partition-key",
    ),
    Program(
        "azure",
        "az az.cmd azcopy",
        (
            "login -*p X",
            "mysql|mariadb|postgres|sql|synapse|acr -*p X",
            "user update|reset -*p X",
            "secret set --value X",
            "devops login < X",
        ),
        "az login --help, az keyvault secret set --help",
    ),
    Program(
        "gcloud",
        "gcloud gsutil bq cloud-sql-proxy cloud_sql_proxy firebase",
        (
            "config set SECRET_NAME X",
            "secrets create|add < X",
            "secrets versions add NAME < X",
            "signurl -p X",
        ),
        "gcloud help, gsutil help signurl",
        plain="--secret --secret= --update-secrets --set-secrets --page-token",
    ),
    Program(
        "ibmcloud",
        "ibmcloud ibm bluemix bx",
        ("-p X",),
        "ibmcloud help login",
    ),
    Program(
        "cloud",
        "doctl",
        ("-t X", "-tX"),
        "doctl auth init --help",
    ),
    Program(
        "cloud",
        "openstack nova cinder glance keystone neutron swift heat ironic trove",
        ("-K X",),
        "openstack(1), swift(1)",
    ),
    Program(
        "cloud",
        "cf cf7 cf8 ibmcloud-cf",
        ("auth USER X", "login -*p X", "set-env APP SECRET_NAME X", "create-user USER X"),
        "cf help auth",
    ),
    Program(
        "cloud",
        "flyctl",
        ("-t X", "secrets set NAME=X", "secrets import < X"),
        "flyctl secrets set --help",
        valued="-a -c --app --config -t",
    ),
    Program(
        "cloud",
        "fly",
        ("login -*p X", "secrets set NAME=X", "secrets import < X"),
        "fly secrets set --help; Concourse's fly login -h",
        valued="-a -c -t -u -n",
    ),
    Program(
        "cloud",
        "vercel now railway deployctl",
        ("-t X", "secrets|secret add NAME X", "env add < X"),
        "vercel help",
    ),
    Program(
        "cloud",
        "netlify",
        ("--auth|-a X", "env:set SECRET_NAME X"),
        "netlify help",
    ),
    Program(
        "cloud",
        "wrangler",
        ("secret put < X",),
        "wrangler secret put --help",
    ),
    Program(
        "cloud",
        "linode-cli hcloud scw vultr vultr-cli exo ovh civo upctl pscale koyeb northflank clever",
        ("apikey save NAME X", "config set SECRET_NAME X", "env set SECRET_NAME X"),
        "linode-cli --help",
    ),
    Program(
        "cloud",
        "dokku balena convox caprover now-cli aptible",
        ("env add|set SECRET_NAME X", "login -p X", "login -t X"),
        "balena help",
    ),
    Program(
        "cloud",
        "pulumi",
        ("config set SECRET_NAME X", "config set --secret NAME X", "config --secret set NAME X"),
        "pulumi config set --help",
        valued="-C -s --stack --cwd",
        plain="--secret",
    ),
    Program(
        "cloud",
        "aliyun tccli hcloud-cli bce jdc ucloud",
        ("configure set SECRET_NAME X",),
        "aliyun configure help, tccli configure help",
    ),
    Program(
        "object-store",
        "mc mcli",
        (
            "alias set NAME URL ACCESS X",
            "config host add NAME URL ACCESS X",
            "admin user add ALIAS USER X",
        ),
        "mc alias set --help",
    ),
    Program(
        "object-store",
        "obsutil ossutil ossutil64",
        ("-k X", "-k=X"),
        "ossutil config --help",
    ),
    Program(
        "object-store",
        "coscmd",
        ("config -s X",),
        "coscmd config --help",
    ),
    Program(
        "object-store",
        "qshell",
        ("account ACCESS X",),
        "qshell account --help",
    ),
    Program(
        "object-store",
        "b2 b2v3 b2v4",
        ("authorize-account|authorize_account|authorize ID X",),
        "b2 --help",
    ),
    Program(
        "object-store",
        "rclone",
        (
            "obscure X",
            "obscure - < X",
            "config password REMOTE NAME X",
            "config create|update pass|token|password|client_secret|secret_access_key X",
            "--rc-pass X",
        ),
        "rclone(1)",
    ),
    Program(
        "backup",
        "kopia duck",
        ("-p X", "-pX"),
        "kopia help, duck --help",
    ),
    Program(
        "backup",
        "duplicity duply duplicity-nice",
        (),
        "duplicity(1): the keys are names of GnuPG's",
        plain="--encrypt-key --sign-key --hidden-encrypt-key --encrypt-sign-key",
    ),
    Program(
        "backup",
        "dsmadmc dsmc",
        ("-pa=X", "-pas=X", "-pass=X"),
        "IBM Storage Protect: dsmadmc",
    ),
    Program(
        "backup",
        "qlogin nsrlogin",
        ("-clp X", "-ps X", "-p X"),
        "Commvault: qlogin; NetWorker: nsrlogin(8)",
    ),
    Program(
        "backup",
        "borg restic rustic borgmatic",
        ("init < X", "--password-command echo~X"),
        "borg(1), restic(1)",
    ),
    Program(
        "azure",
        "azcopy azcopy.exe",
        ("/DestKey:X", "/SourceKey:X", "/DestSAS:X", "/SourceSAS:X"),
        "AzCopy 8, /?",
    ),
)
