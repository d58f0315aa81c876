# A function of Fourstep from its zip. Its role allows what the function calls, and only on the secrets that it is given to
# rotate, while they name this very function as their rotation function.

data "aws_caller_identity" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  zip     = "${var.zips}/${var.name}-${var.release}.zip"
}

resource "aws_cloudwatch_log_group" "this" {
  name_prefix       = "/fourstep/${var.name}-"
  retention_in_days = 90
}

resource "aws_iam_role" "this" {
  name_prefix = "${var.name}-"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "service" {
  name = "service"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }],
      length(var.subnet_ids) == 0 ? [] : [{
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = ["*"]
      }],
    )
  })
}

resource "aws_lambda_function" "this" {
  function_name    = aws_iam_role.this.name
  description      = "Rotates secrets of AWS Secrets Manager"
  runtime          = "provided.al2023"
  architectures    = [endswith(var.release, "-x86_64") ? "x86_64" : "arm64"]
  handler          = "bootstrap"
  filename         = local.zip
  source_code_hash = filebase64sha256(local.zip)
  memory_size      = 128
  timeout          = var.timeout
  role             = aws_iam_role.this.arn

  environment {
    variables = merge(var.environment, { ADMIN_SECRETS = join(",", var.administrators) })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) == 0 ? [] : [true]

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  # Lambda joins the network with the role while it makes the function.
  depends_on = [aws_iam_role_policy.service]
}

resource "aws_lambda_permission" "this" {
  count = length(var.secrets)

  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
  source_arn     = var.secrets[count.index]
}

# Apart from the role, since it names the function, and the function names the role.
resource "aws_iam_role_policy" "rotation" {
  name = "rotation"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:ListSecretVersionIds",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = var.secrets
        Condition = {
          ArnLike = {
            "secretsmanager:resource/AllowRotationLambdaArn" = [
              aws_lambda_function.this.arn,
              "${aws_lambda_function.this.arn}:*",
            ]
          }
        }
      }],
      length(var.administrators) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource = var.administrators
      }],
      var.statements,
    )
  })
}
