variable "database_engine" {
  description = "The engine of the database"
  type        = string
  default     = "postgres"

  validation {
    condition     = contains(["postgres", "mysql", "mariadb"], var.database_engine)
    error_message = "The engine has to be postgres, mysql or mariadb."
  }
}

variable "database_host" {
  description = "The host of the database"
  type        = string
}

variable "database_username" {
  description = "The account. It exists"
  type        = string
  default     = "app"
}

variable "database_password" {
  description = "The account's password, with which it logs in now"
  type        = string
  ephemeral   = true
  sensitive   = true
}

variable "database_strategy" {
  description = "How the account is rotated. auto: dual-password where the server and the account's rights allow it, else single-user"
  type        = string
  default     = "auto"

  validation {
    condition     = contains(["auto", "single-user", "dual-password", "alternating-users"], var.database_strategy)
    error_message = "The strategy has to be auto, single-user, dual-password or alternating-users."
  }

  validation {
    condition     = var.database_strategy != "alternating-users" || var.database_administrator != null
    error_message = "alternating-users needs database_administrator, who makes the clone."
  }
}

variable "database_administrator" {
  description = "The ARN of an administrator's secret"
  type        = string
  default     = null
}

variable "database_subnet_ids" {
  description = "Subnets from which the database and Secrets Manager can be reached. Without them, the function is in no VPC"
  type        = list(string)
  default     = []
}

variable "database_security_group_ids" {
  description = "Security groups of the function"
  type        = list(string)
  default     = []
}

resource "aws_secretsmanager_secret" "database" {
  description = "An account of a database"

  tags = {
    "fourstep:strategy" = var.database_strategy
  }
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.database.id
  secret_string_wo_version = 1
  secret_string_wo = jsonencode(merge(
    {
      engine   = var.database_engine
      host     = var.database_host
      username = var.database_username
      password = var.database_password
    },
    var.database_administrator == null ? {} : { masterarn = var.database_administrator },
  ))
}

module "database_rotation" {
  source             = "./rotation-function"
  name               = var.database_engine == "postgres" ? "rotate-postgres" : "rotate-mysql"
  zips               = var.zips
  release            = var.release
  timeout            = 60
  secrets            = [aws_secretsmanager_secret.database.arn]
  administrators     = var.database_administrator == null ? [] : [var.database_administrator]
  subnet_ids         = var.database_subnet_ids
  security_group_ids = var.database_security_group_ids
}

resource "aws_secretsmanager_secret_rotation" "database" {
  secret_id           = aws_secretsmanager_secret.database.id
  rotation_lambda_arn = module.database_rotation.arn
  rotate_immediately  = true

  rotation_rules {
    schedule_expression = "rate(30 days)"
  }

  # On all of the module: Secrets Manager tries the function at once, which needs the permission and the policy.
  depends_on = [module.database_rotation, aws_secretsmanager_secret_version.database]
}
