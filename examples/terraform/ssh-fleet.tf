variable "ssh_user" {
  description = "The user on the hosts"
  type        = string
  default     = "deploy"
}

variable "hosts_tag" {
  description = "The tag of the hosts"
  type        = object({ name = string, value = string })
  default     = { name = "RotateSSHKeys", value = "True" }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  of_region  = "arn:${data.aws_partition.this.partition}:ssm:${data.aws_region.this.region}"
  of_account = "${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}"
}

resource "aws_secretsmanager_secret" "ssh" {
  description = "The SSH key of a user on a fleet of hosts"
}

# Both are empty at first: the first rotation makes the key.
resource "aws_secretsmanager_secret_version" "ssh" {
  secret_id                = aws_secretsmanager_secret.ssh.id
  secret_string_wo_version = 1
  secret_string_wo         = jsonencode({ PublicKey = "", PrivateKey = "" })
}

module "ssh_rotation" {
  source  = "./rotation-function"
  name    = "rotate-ssh"
  zips    = var.zips
  release = var.release
  timeout = 300
  secrets = [aws_secretsmanager_secret.ssh.arn]

  environment = {
    USERNAME = var.ssh_user
    TAGNAME  = var.hosts_tag.name
    TAGVALUE = var.hosts_tag.value
  }

  statements = [
    {
      Effect   = "Allow"
      Action   = ["ssm:SendCommand"]
      Resource = ["${local.of_region}::document/AWS-RunShellScript"]
    },
    {
      Effect = "Allow"
      Action = ["ssm:SendCommand"]
      Resource = [
        "arn:${data.aws_partition.this.partition}:ec2:${local.of_account}:instance/*",
        "arn:${data.aws_partition.this.partition}:ssm:${local.of_account}:managed-instance/*",
      ]
      Condition = { StringEquals = { "ssm:resourceTag/${var.hosts_tag.name}" = var.hosts_tag.value } }
    },
    {
      Effect   = "Allow"
      Action   = ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:ListCommandInvocations", "ssm:ListCommands"]
      Resource = ["*"]
    },
    {
      Effect   = "Allow"
      Action   = ["ssm:DeleteParameters", "ssm:GetParametersByPath", "ssm:PutParameter"]
      Resource = ["arn:${data.aws_partition.this.partition}:ssm:${local.of_account}:parameter/fourstep/known-hosts/*"]
    },
  ]
}

resource "aws_secretsmanager_secret_rotation" "ssh" {
  secret_id           = aws_secretsmanager_secret.ssh.id
  rotation_lambda_arn = module.ssh_rotation.arn
  rotate_immediately  = true

  rotation_rules {
    schedule_expression = "rate(30 days)"
  }

  depends_on = [module.ssh_rotation, aws_secretsmanager_secret_version.ssh]
}
