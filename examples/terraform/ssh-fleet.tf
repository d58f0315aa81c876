variable "ssh_user" {
  description = "The user on the hosts"
  type        = string
  default     = "deploy"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", var.ssh_user))
    error_message = "ssh_user has to be the name of one Unix user."
  }
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
  of_account = "${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}"
  of_user    = replace(file("${path.module}/../ssh-document.json"), "<<user>>", var.ssh_user)
  of_pattern = replace(local.of_user, "<<user's pattern>>", replace(var.ssh_user, ".", "[.]"))
  document   = replace(replace(local.of_pattern, "<<partition>>", data.aws_partition.this.partition), "<<account>>", data.aws_caller_identity.this.account_id)
}

# The template's own document: it runs the script for authorized_keys and nothing else, while whoever may send
# AWS-RunShellScript is root on the hosts.
resource "aws_ssm_document" "ssh" {
  name            = "fourstep-ssh-keys"
  document_type   = "Command"
  document_format = "JSON"
  content         = local.document
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
    USERNAME     = var.ssh_user
    TAGNAME      = var.hosts_tag.name
    TAGVALUE     = var.hosts_tag.value
    SSM_DOCUMENT = aws_ssm_document.ssh.name
  }

  statements = [
    {
      Effect   = "Allow"
      Action   = ["ssm:SendCommand"]
      Resource = [aws_ssm_document.ssh.arn]
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
